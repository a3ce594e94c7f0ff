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
from replay.spark.delta.files import local_snapshot
from replay.spark.delta.log import is_empty
from replay.spark.delta.snapshot import DeltaSnapshot
from replay.spark.delta.versions import read_snapshot, version_at
from replay.spark.file_systems import spark_url
from replay.spark.hadoop import has_scheme
from replay.spark.read import delta_dataframe
from replay.spark.types import readable_schema
from replay.traffic.table.data_files import DataFile, UnreadableFile, counted, unreadable_now
from replay.traffic.table.delta_rs import delta_rs_snapshot
from replay.traffic.table.pinned import PinnedTraffic
from replay.traffic.table.reach import reading_problem
from replay.traffic.table.set_aside import with_footers

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


def open_delta(
    spark: SparkSession, config: TrafficConfig, path: str, table: str | None = None, *, lenient: bool = False
) -> PinnedTraffic:
    """Pin a Delta table by its version.

    Args:
        spark: The session.
        config: Section ``traffic``.
        path: The table's directory; of a table that the catalog gives by name alone, the name.
        table: Its name in the catalog, by which Spark reads it.
        lenient: Files that are not whole are set aside, where tasks read the table themselves.

    Raises:
        TrafficError: There is no such version, or a file of it is gone or not whole.
    """
    snapshot, schema = _snapshot(spark, config, path, table)
    files = tuple(DataFile(f.path, f.size, f.num_rows, None, f.partition_values) for f in snapshot.files)
    obstacle = next(filter(None, (reading_problem(spark, place) for place in (path, *_elsewhere(path, files)))), None)
    unreadable: list[UnreadableFile] = []
    if obstacle is None and all(file.size is not None for file in files):
        lenient = lenient and snapshot.obstacle is None
        unreadable = _check_sizes(files, lenient=lenient)
        files, more = _with_counts(snapshot, _without(files, unreadable), lenient=lenient)
        unreadable += more
    counts = [file.num_rows for file in files]
    known = [count for count in counts if count is not None]
    return PinnedTraffic(
        format="delta",
        config=config,
        location=path,
        schema=schema,
        num_rows=sum(known) if len(known) == len(counts) else None,
        files=files,
        direct_obstacle=snapshot.obstacle or obstacle,
        delta_version=snapshot.version,
        identity=(snapshot.table_id, str(snapshot.version)),
        unreadable=counted(unreadable, files),
    )


def _snapshot(
    spark: SparkSession, config: TrafficConfig, path: str, table: str | None
) -> tuple[DeltaSnapshot, pa.Schema]:
    """The pinned version with its columns: by the log where this process and its tasks reach it, else by Spark."""
    version = config.delta_version
    if config.delta_timestamp is not None:
        version = version_at(spark, _by_spark(spark, path, table), config.delta_timestamp, table)
    if reading_problem(spark, path) is None:
        found = local_snapshot(path, version) or delta_rs_snapshot(path, version)
        if found is not None:
            if found[0].obstacle is not None:
                _by_spark(spark, path, table)
            return found
        if is_empty(path):
            raise TrafficError(f"{path}: has a _delta_log with no commits: expected a Delta table of some version")
    path = _by_spark(spark, path, table)
    snapshot = read_snapshot(spark, path, version, table)
    return snapshot, readable_schema(delta_dataframe(spark, path, snapshot.version, table))


def _by_spark(spark: SparkSession, path: str, table: str | None) -> str:
    """What Spark calls the table's directory.

    Raises:
        TrafficError: Spark has to read it, and has no file system for it.
    """
    return path if table is not None else spark_url(spark, path, TrafficError)


def _with_counts(
    snapshot: DeltaSnapshot, files: tuple[DataFile, ...], *, lenient: bool
) -> tuple[tuple[DataFile, ...], list[UnreadableFile]]:
    """Count the rows of files for which the log has no statistics; those that have no footer may be set aside."""
    deleted = {logged.path for logged in snapshot.files if logged.deleted}
    unknown = [file for file in files if file.num_rows is None and file.path not in deleted]
    readable, unreadable = with_footers(unknown, lenient=lenient)
    counts = {file.path: footer.metadata.num_rows for file, footer in readable}
    files = _without(files, unreadable)
    return tuple(replace(file, num_rows=counts.get(file.path, file.num_rows)) for file in files), unreadable


def _without(files: tuple[DataFile, ...], unreadable: Sequence[UnreadableFile]) -> tuple[DataFile, ...]:
    gone = {each.file.path for each in unreadable}
    return tuple(file for file in files if file.path not in gone)


def _elsewhere(path: str, files: Sequence[DataFile]) -> list[str]:
    """Files that do not lie below the table, as a clone's: the first of each bucket."""
    others = (file.path for file in files if not file.path.startswith(path))
    return list({other.split("/")[2] if has_scheme(other) else "": other for other in others}.values())


def _check_sizes(files: tuple[DataFile, ...], *, lenient: bool) -> list[UnreadableFile]:
    """Check that the files of a Delta table are there and whole; those that are not whole may be set aside."""
    unreadable = []
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
            reason = (
                f"has {size:,} bytes, but the Delta log says {file.size:,}: it is truncated or was overwritten; "
                "restore it"
            )
            if not lenient:
                raise TrafficError(f"{file.path}: {reason}")
            unreadable.append(unreadable_now(file, reason))
    return unreadable


def _size(file: DataFile) -> int | OSError:
    try:
        return file_status(file.path).size
    except OSError as error:
        return error
