"""A logged table in Delta: pinned by its version, whose files are there and whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.config import TrafficConfig
from replay.errors import ConfigError, Problem, TrafficError
from replay.spark.delta import DeltaSnapshot, read_snapshot
from replay.spark.delta_files import local_snapshot
from replay.spark.hadoop import has_scheme
from replay.spark.read import delta_dataframe
from replay.spark.types import readable_schema
from replay.traffic.table.footers import read_footers
from replay.traffic.table.pinned import NOT_LOCAL, DataFile, PinnedTraffic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def refuse_version(config: TrafficConfig, what: str) -> None:
    """Refuse a version of what is no Delta table.

    Raises:
        ConfigError: One is asked for.
    """
    key = "delta_version" if config.delta_version is not None else "delta_timestamp"
    if config.delta_version is not None or config.delta_timestamp is not None:
        message = f"{what} is not a Delta table, and only those have versions: leave out `{key}`"
        raise ConfigError([Problem(message, path=f"traffic.{key}")])


def open_delta(spark: SparkSession, config: TrafficConfig, path: str) -> PinnedTraffic:
    """Pin a Delta table by its version.

    Raises:
        TrafficError: There is no such version, or a file of it is gone or not whole.
    """
    snapshot, schema = _snapshot(spark, config, path)
    files = tuple(DataFile(f.path, f.size, f.num_rows, None, f.partition_values) for f in snapshot.files)
    local = all(not has_scheme(file.path) for file in files)
    if local:
        _check_sizes(files)
        files = _with_counts(snapshot, files)
    counts = [file.num_rows for file in files]
    known = [count for count in counts if count is not None]
    return PinnedTraffic(
        format="delta",
        config=config,
        location=path,
        schema=schema,
        num_rows=sum(known) if len(known) == len(counts) else None,
        files=files,
        direct_obstacle=_delta_obstacle(snapshot, local),
        delta_version=snapshot.version,
        identity=(snapshot.table_id, str(snapshot.version)),
    )


def _snapshot(spark: SparkSession, config: TrafficConfig, path: str) -> tuple[DeltaSnapshot, pa.Schema]:
    """The pinned version with its columns: by the log's own text where that tells all."""
    if not has_scheme(path) and config.delta_timestamp is None:
        found = local_snapshot(path, config.delta_version)
        if found is not None:
            return found
    snapshot = read_snapshot(spark, path, config.delta_version, config.delta_timestamp)
    return snapshot, readable_schema(delta_dataframe(spark, path, snapshot.version))


def _with_counts(snapshot: DeltaSnapshot, files: tuple[DataFile, ...]) -> tuple[DataFile, ...]:
    """Count the rows of files for which the log has no statistics."""
    unknown = [
        place
        for place, (file, logged) in enumerate(zip(files, snapshot.files, strict=True))
        if file.num_rows is None and not logged.deleted
    ]
    footers = read_footers([files[place].path for place in unknown])
    counts = {place: footer.metadata.num_rows for place, footer in zip(unknown, footers, strict=True)}
    return tuple(replace(file, num_rows=counts[place]) if place in counts else file for place, file in enumerate(files))


def _delta_obstacle(snapshot: DeltaSnapshot, local: bool) -> str | None:
    if snapshot.column_mapping:
        return "the Delta table maps column names (delta.columnMapping.mode)"
    if any(file.deleted for file in snapshot.files):
        return "rows of the Delta table are deleted by deletion vectors"
    return None if local else NOT_LOCAL


def _check_sizes(files: tuple[DataFile, ...]) -> None:
    """Check that the files of a local Delta table are there and whole."""
    for file in files:
        try:
            size = Path(file.path).stat().st_size
        except OSError as error:
            raise TrafficError(
                f"{file.path}: is part of the Delta table but cannot be read ({error.strerror}): was the version "
                "vacuumed? give a later `traffic.delta_version`"
            ) from error
        if size != file.size:
            raise TrafficError(
                f"{file.path}: has {size:,} bytes, but the Delta log says {file.size:,}: it is truncated or was "
                "overwritten; restore it"
            )
