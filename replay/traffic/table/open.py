"""Find the logged table and pin it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from replay.config import TrafficConfig
from replay.config.missing import no_traffic
from replay.errors import TrafficError
from replay.files.kinds import odd_kind
from replay.files.reading import is_directory
from replay.spark.delta.versions import is_table
from replay.spark.errors import traffic_errors
from replay.spark.file_systems import spark_url
from replay.spark.hadoop import local_path
from replay.traffic.computed.resolve import compute_columns, resolve_where
from replay.traffic.table.catalog import open_catalog_table
from replay.traffic.table.delta import open_delta, refuse_version
from replay.traffic.table.parquet import open_parquet, open_remote_parquet
from replay.traffic.table.pinned import PinnedTraffic
from replay.traffic.table.reach import reading_problem, store_errors

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def open_traffic(spark: SparkSession, config: TrafficConfig, *, lenient: bool = False) -> PinnedTraffic:
    """Find the logged table, pin it, and resolve what is computed from its columns: other columns, and ``where``.

    Roles of columns are not checked here: see :func:`column_problems`, which takes the config of what this returns.

    Args:
        spark: A session with Delta.
        config: Section ``traffic``.
        lenient: Files that cannot be read are set aside, in ``unreadable``, as far as opening the table shows them.

    Raises:
        TrafficError: There is no such table, or a file of it cannot be read.
        ConfigError: A version is asked of what has none, or a computed column is refused.
    """
    return resolve_table(spark, find_table(spark, config, lenient=lenient))


def resolve_table(spark: SparkSession, table: PinnedTraffic) -> PinnedTraffic:
    """The same table with what its config computes from its columns.

    Raises:
        ConfigError: A computed column is refused.
    """
    return resolve_where(spark, compute_columns(spark, table))


def find_table(spark: SparkSession, config: TrafficConfig, *, lenient: bool = False) -> PinnedTraffic:
    """Find a table and pin it, and no more.

    Args:
        spark: A session with Delta.
        config: Section ``traffic``.
        lenient: See :func:`open_traffic`.

    Raises:
        TrafficError: There is no such table, or a file of it cannot be read.
        ConfigError: A version is asked of what has none.
    """
    if config.table is not None:
        return open_catalog_table(spark, config, config.table, lenient=lenient)
    path = config.path or ""
    local = local_path(spark, path)
    with traffic_errors(path):
        if local is not None:
            return _open_local(spark, config, local, lenient=lenient)
        obstacle = reading_problem(spark, path)
        if obstacle is not None:
            return _open_by_spark(spark, config, path, obstacle)
        with store_errors(path):
            return _open_store(spark, config, path.rstrip("/"), lenient=lenient)


def _open_local(spark: SparkSession, config: TrafficConfig, path: str, *, lenient: bool) -> PinnedTraffic:
    if not Path(path).exists():
        raise TrafficError(no_traffic(path))
    if (Path(path) / "_delta_log").is_dir():
        _refuse_odd(Path(path) / "_delta_log")
        try:
            return open_delta(spark, config, path, lenient=lenient)
        except RecursionError:
            raise TrafficError(f"{path}: the schema in its Delta log is nested too deeply to be read") from None
    refuse_version(config, path)
    return open_parquet(spark, config, path, lenient=lenient)


def _refuse_odd(log: Path) -> None:
    """Whoever reads the log would wait for a pipe in it without end."""
    with os.scandir(log) as entries:
        for entry in entries:
            if not (entry.is_file() or entry.is_dir()) and (kind := odd_kind(entry.path)) is not None:
                raise TrafficError(f"{entry.path}: found {kind}, expected a file of the log")


def _open_store(spark: SparkSession, config: TrafficConfig, path: str, *, lenient: bool) -> PinnedTraffic:
    """A table on a store that this process and its tasks reach without Spark."""
    if is_directory(f"{path}/_delta_log"):
        return open_delta(spark, config, path, lenient=lenient)
    refuse_version(config, path)
    return open_parquet(spark, config, path, lenient=lenient)


def _open_by_spark(spark: SparkSession, config: TrafficConfig, path: str, obstacle: str) -> PinnedTraffic:
    path = spark_url(spark, path, TrafficError)
    if is_table(spark, path):
        return open_delta(spark, config, path)
    refuse_version(config, path)
    return open_remote_parquet(spark, config, path, obstacle)
