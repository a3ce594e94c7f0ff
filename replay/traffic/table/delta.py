"""A logged table in Delta: pinned by its version, whose files are there and whole."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.config import TrafficConfig
from replay.errors import ConfigError, Problem, TrafficError
from replay.files.reading import file_status
from replay.files.reasons import plain_reason
from replay.spark.delta import DeltaSnapshot, read_snapshot
from replay.spark.delta_files import local_snapshot
from replay.spark.file_systems import spark_url
from replay.spark.hadoop import has_scheme
from replay.spark.read import delta_dataframe
from replay.spark.types import readable_schema
from replay.traffic.table.delta_rs import checkpointed_snapshot
from replay.traffic.table.footers import read_footers
from replay.traffic.table.pinned import DataFile, PinnedTraffic
from replay.traffic.table.reach import reading_problem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_THREADS = 16


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
    obstacle = next(filter(None, (reading_problem(spark, place) for place in (path, *_elsewhere(path, files)))), None)
    if obstacle is None:
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
        direct_obstacle=_delta_obstacle(snapshot) or obstacle,
        delta_version=snapshot.version,
        identity=(snapshot.table_id, str(snapshot.version)),
    )


def _snapshot(spark: SparkSession, config: TrafficConfig, path: str) -> tuple[DeltaSnapshot, pa.Schema]:
    """The pinned version with its columns: by the log's own text where that tells all."""
    if reading_problem(spark, path) is None and config.delta_timestamp is None:
        found = local_snapshot(path, config.delta_version)
        if found is None and has_scheme(path):
            found = checkpointed_snapshot(path, config.delta_version)
        if found is not None:
            return found
    path = spark_url(spark, path, TrafficError)
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


def _elsewhere(path: str, files: Sequence[DataFile]) -> list[str]:
    """Files that do not lie below the table, as a clone's: the first of each bucket."""
    others = (file.path for file in files if not file.path.startswith(path))
    return list({other.split("/")[2] if has_scheme(other) else "": other for other in others}.values())


def _delta_obstacle(snapshot: DeltaSnapshot) -> str | None:
    if snapshot.column_mapping:
        return "the Delta table maps column names (delta.columnMapping.mode)"
    if any(file.deleted for file in snapshot.files):
        return "rows of the Delta table are deleted by deletion vectors"
    return None


def _check_sizes(files: tuple[DataFile, ...]) -> None:
    """Check that the files of a Delta table are there and whole."""
    with ThreadPoolExecutor(_THREADS) as pool:
        sizes = list(pool.map(_size, files))
    for file, size in zip(files, sizes, strict=True):
        if isinstance(size, OSError):
            reason = size.strerror or plain_reason(file.path, size)
            raise TrafficError(
                f"{file.path}: is part of the Delta table but cannot be read ({reason}): was the version "
                "vacuumed? give a later `traffic.delta_version`"
            ) from size
        if size != file.size:
            raise TrafficError(
                f"{file.path}: has {size:,} bytes, but the Delta log says {file.size:,}: it is truncated or was "
                "overwritten; restore it"
            )


def _size(file: DataFile) -> int | OSError:
    try:
        return file_status(file.path).size
    except OSError as error:
        return error
