"""Find the logged table and pin it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from replay.config import TrafficConfig
from replay.errors import ConfigError, Problem, TrafficError
from replay.spark.delta import DeltaSnapshot, read_snapshot
from replay.spark.errors import traffic_errors
from replay.spark.hadoop import has_scheme, local_path
from replay.spark.types import readable_schema
from replay.traffic.read.spark_read import delta_dataframe, inferred_dataframe, list_with_spark
from replay.traffic.table.catalog import find_table
from replay.traffic.table.footers import read_footers
from replay.traffic.table.listing import list_files
from replay.traffic.table.merging import check_files_fit, merge_schemas, refused_by_spark
from replay.traffic.table.pinned import DataFile, PinnedTraffic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_NOT_LOCAL = "the table is not on a local filesystem"


def open_traffic(spark: SparkSession, config: TrafficConfig) -> PinnedTraffic:
    """Find the logged table and pin it. Columns are not checked here: see :func:`column_problems`.

    Args:
        spark: A session with Delta.
        config: Section ``traffic``.

    Raises:
        TrafficError: There is no such table, or a file of it cannot be read.
        ConfigError: A version is asked of what has none.
    """
    if config.table is not None:
        return _open_table(spark, config, config.table)
    path = config.path or ""
    local = local_path(spark, path)
    with traffic_errors(path):
        if local is None:
            return _open_remote(spark, config, path)
        return _open_local(spark, config, local)


def _open_local(spark: SparkSession, config: TrafficConfig, path: str) -> PinnedTraffic:
    if not Path(path).exists():
        raise TrafficError(f"{path}: does not exist: expected a Parquet or Delta directory, or a Parquet file")
    if (Path(path) / "_delta_log").is_dir():
        return _open_delta(spark, config, path)
    _refuse_version(config, path)
    return _open_parquet(spark, config, path)


def _open_remote(spark: SparkSession, config: TrafficConfig, path: str) -> PinnedTraffic:
    from delta.tables import DeltaTable

    if DeltaTable.isDeltaTable(spark, path):
        return _open_delta(spark, config, path)
    _refuse_version(config, path)
    schema = readable_schema(inferred_dataframe(spark, path))
    listed, _ = list_with_spark(spark, path)
    files = tuple(DataFile(row["path"], row["length"], None, row["modified"], row["values"]) for row in listed)
    return PinnedTraffic(
        format="parquet",
        config=config,
        location=path,
        schema=schema,
        num_rows=None,
        files=files,
        direct_obstacle=_NOT_LOCAL,
        identity=_file_identity(path, files),
    )


def _open_table(spark: SparkSession, config: TrafficConfig, name: str) -> PinnedTraffic:
    found = find_table(spark, name)
    local = local_path(spark, found.location) if found.location else None
    with traffic_errors(name):
        if found.provider == "delta":
            return _open_delta(spark, config, local or found.location)
        _refuse_version(config, name)
        dataframe = spark.table(name)
        schema = readable_schema(dataframe)
        if found.provider == "parquet" and local is not None and not found.partitioned:
            return _open_parquet(spark, config, local, declared=schema)
        files = sorted(dataframe.inputFiles())
    return PinnedTraffic(
        format="view",
        config=config,
        location=name,
        schema=schema,
        num_rows=None,
        direct_obstacle=f"`{name}` is a view, or a table whose partitions only the catalog knows",
        identity=(name, str(dataframe.schema.json()), *(_stamp(spark, file) for file in files)),
    )


def _stamp(spark: SparkSession, uri: str) -> str:
    """Stand for a file under a view: with size and time of change, where it is local."""
    path = local_path(spark, uri)
    if path is None or not Path(path).exists():
        return uri
    status = Path(path).stat()
    return f"{uri} {status.st_size} {status.st_mtime_ns}"


def _refuse_version(config: TrafficConfig, what: str) -> None:
    key = "delta_version" if config.delta_version is not None else "delta_timestamp"
    if config.delta_version is not None or config.delta_timestamp is not None:
        message = f"{what} is not a Delta table, and only those have versions: leave out `{key}`"
        raise ConfigError([Problem(message, path=f"traffic.{key}")])


def _open_delta(spark: SparkSession, config: TrafficConfig, path: str) -> PinnedTraffic:
    snapshot = read_snapshot(spark, path, config.delta_version, config.delta_timestamp)
    files = tuple(DataFile(f.path, f.size, f.num_rows, None, f.partition_values) for f in snapshot.files)
    schema = readable_schema(delta_dataframe(spark, path, snapshot.version))
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
    return None if local else _NOT_LOCAL


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


def _open_parquet(
    spark: SparkSession, config: TrafficConfig, path: str, declared: pa.Schema | None = None
) -> PinnedTraffic:
    """Pin local Parquet files, under the schema that a catalog declares or that all files together have."""
    found = list_files(path)
    paths = [name for name, _, _ in found.files]
    footers = read_footers(paths)
    schemas = [footer.schema for footer in footers]
    if declared is None:
        data = merge_schemas(schemas, paths)
    else:
        check_files_fit(declared, schemas, paths)
        data = declared
    values, partitions = _partition_values(spark, path) if found.partitioned else ({}, pa.schema([]))
    fields = [field for field in data if field.name not in partitions.names]
    files = tuple(
        DataFile(name, size, footer.metadata.num_rows, modified, values.get(name, {}))
        for (name, size, modified), footer in zip(found.files, footers, strict=True)
    )
    return PinnedTraffic(
        format="parquet",
        config=config,
        location=path,
        schema=pa.schema([*fields, *partitions]),
        num_rows=sum(footer.metadata.num_rows for footer in footers),
        files=files,
        spark_refuses=refused_by_spark(pa.schema(fields), schemas),
        identity=_file_identity(path, files),
    )


def _partition_values(spark: SparkSession, path: str) -> tuple[dict[str, dict[str, Any]], pa.Schema]:
    """Every file's partition values, and the columns they make."""
    rows, partitions = list_with_spark(spark, path)
    return {local_path(spark, row["path"]) or "": row["values"] for row in rows}, partitions


def _file_identity(root: str, files: tuple[DataFile, ...]) -> tuple[str, ...]:
    return tuple(f"{file.path.removeprefix(root)} {file.size} {file.modified}" for file in files)
