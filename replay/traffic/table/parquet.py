"""A logged table in Parquet: pinned by the names, sizes and times of change of its files, under one schema."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from replay.config import TrafficConfig
from replay.errors import TrafficError
from replay.files import places
from replay.files.kinds import odd_kind
from replay.files.reading import FileStatus, file_status, is_directory, list_below, require_bucket
from replay.spark.hadoop import local_path
from replay.spark.read import inferred_dataframe, list_with_spark
from replay.spark.types import readable_schema
from replay.traffic.table.data_files import DataFile, counted, refuse_all
from replay.traffic.table.merging import check_files_fit, merge_schemas, refused_by_spark
from replay.traffic.table.pinned import PinnedTraffic
from replay.traffic.table.set_aside import with_footers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def open_parquet(
    spark: SparkSession,
    config: TrafficConfig,
    path: str,
    declared: pa.Schema | None = None,
    *,
    lenient: bool = False,
) -> PinnedTraffic:
    """Pin Parquet files that tasks reach, under the schema that a catalog declares or that all files together have.

    Args:
        spark: The session.
        config: Section ``traffic``.
        path: Of the directory, or of a file.
        declared: What the catalog declares.
        lenient: Files that have no footer are set aside.

    Raises:
        TrafficError: There are none, or one cannot be read, or no schema holds them all.
    """
    found = list_files(path)
    if found.partitioned and places.local_path(path) is None:
        obstacle = "its folders name values of partition columns, which Spark reads"
        return open_remote_parquet(spark, config, path, obstacle)
    values, partitions = _partition_values(spark, path) if found.partitioned else ({}, pa.schema([]))
    return _pinned(config, found, values, partitions, declared, lenient=lenient)


def open_plain_parquet(config: TrafficConfig, path: str) -> PinnedTraffic | None:
    """Pin local Parquet files without Spark; None where directories name partitions, whose values Spark reads.

    Raises:
        TrafficError: There are none, or one cannot be read, or no schema holds them all.
    """
    found = list_files(path)
    return None if found.partitioned else _pinned(config, found, {}, pa.schema([]), None, lenient=False)


def _pinned(
    config: TrafficConfig,
    found: ListedFile,
    values: dict[str, dict[str, Any]],
    partitions: pa.Schema,
    declared: pa.Schema | None,
    *,
    lenient: bool,
) -> PinnedTraffic:
    listed = [DataFile(name, size, None, modified, values.get(name, {})) for name, size, modified in found.files]
    readable, unreadable = with_footers(listed, lenient=lenient)
    refuse_all(unreadable, listed)
    paths, footers = [file.path for file, _ in readable], [footer for _, footer in readable]
    schemas = [footer.schema for footer in footers]
    if declared is None:
        data = merge_schemas(schemas, paths)
    else:
        check_files_fit(declared, schemas, paths)
        data = declared
    fields = [field for field in data if field.name not in partitions.names]
    files = tuple(replace(file, num_rows=footer.metadata.num_rows) for file, footer in readable)
    return PinnedTraffic(
        format="parquet",
        config=config,
        location=found.root,
        schema=pa.schema([*fields, *partitions]),
        num_rows=sum(footer.metadata.num_rows for footer in footers),
        files=files,
        spark_refuses=refused_by_spark(pa.schema(fields), schemas),
        identity=file_identity(found.root, found.files),
        unreadable=counted(unreadable, files),
    )


def _partition_values(spark: SparkSession, path: str) -> tuple[dict[str, dict[str, Any]], pa.Schema]:
    """Every file's partition values, and the columns they make."""
    rows, partitions = list_with_spark(spark, path)
    return {local_path(spark, row["path"]) or "": row["values"] for row in rows}, partitions


def file_identity(root: str, files: Iterable[tuple[str, int | None, int | None]]) -> tuple[str, ...]:
    """What the fingerprint of Parquet is made of.

    Args:
        root: The directory, or the file itself.
        files: Path, size and time of change of each, sorted by path.
    """
    return tuple(f"{path.removeprefix(root)} {size} {modified}" for path, size, modified in files)


def open_remote_parquet(spark: SparkSession, config: TrafficConfig, path: str, obstacle: str) -> PinnedTraffic:
    """Pin Parquet files that only Spark reads, for a reason, under the schema that Spark merges."""
    listed, partitions = list_with_spark(spark, path)
    inferred = readable_schema(inferred_dataframe(spark, path))
    schema = pa.schema([*(field for field in inferred if field.name not in partitions.names), *partitions])
    files = tuple(DataFile(row["path"], row["length"], None, row["modified"], row["values"]) for row in listed)
    return PinnedTraffic(
        format="parquet",
        config=config,
        location=path,
        schema=schema,
        num_rows=None,
        files=files,
        direct_obstacle=obstacle,
        identity=file_identity(path, ((file.path, file.size, file.modified) for file in files)),
    )


@dataclass(frozen=True)
class ListedFile:
    """A directory's data files.

    Attributes:
        root: The directory, or the file itself.
        files: Path, size and time of change (ns since 1970) of every data file, sorted by path.
        partitioned: Some lie in hive-style ``name=value`` directories.
    """

    root: str
    files: tuple[tuple[str, int, int], ...]
    partitioned: bool


def list_files(root: str) -> ListedFile:
    """List the data files under a path, however deep; names that start with ``_`` or ``.`` are none.

    Raises:
        TrafficError: Nothing is there, or no data file, or (parts of) a Delta table that must be read as one.
        OSError: It cannot be listed.
    """
    if places.local_path(root) is None:
        return _list_store(root)
    place = Path(root)
    _refuse_inside_delta(place)
    if place.is_file():
        status = place.stat()
        return ListedFile(root, ((root, status.st_size, status.st_mtime_ns),), partitioned=False)
    files: list[tuple[str, int, int]] = []
    folders = [root]
    while folders:
        _scan(folders.pop(), files, folders)
    if not files:
        raise TrafficError(_no_files(root))
    partitioned = any("=" in part for path, _, _ in files for part in Path(path).relative_to(root).parts[:-1])
    return ListedFile(root, tuple(sorted(files)), partitioned)


def _list_store(root: str) -> ListedFile:
    """List the data files under a URL, or the one that it is."""
    bucket = root.index("/", root.index("://") + 3) if root.count("/") > 2 else len(root)
    for stop in (place for place in range(bucket + 1, len(root)) if root[place] == "/"):
        if is_directory(f"{root[:stop]}/_delta_log"):
            raise TrafficError(_inside_delta(root, root[:stop]))
    with contextlib.suppress(FileNotFoundError):
        return ListedFile(root, (_as_listed(file_status(root)),), partitioned=False)
    files: list[tuple[str, int, int]] = []
    partitioned = False
    for file in list_below(root):
        *folders, name = file.path.removeprefix(root).strip("/").split("/")
        if "_delta_log" in folders:
            raise TrafficError(_delta_inside(file.path[: file.path.index("/_delta_log/")]))
        if not any(map(is_hidden, (*folders, name))):
            files.append(_as_listed(file))
            partitioned |= any("=" in folder for folder in folders)
    if not files:
        require_bucket(root)
        raise TrafficError(_no_files(root))
    return ListedFile(root, tuple(files), partitioned)


def _as_listed(file: FileStatus) -> tuple[str, int, int]:
    return file.path, file.size, file.modified


def _scan(folder: str, files: list[tuple[str, int, int]], folders: list[str]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == "_delta_log" and entry.is_dir():
                raise TrafficError(_delta_inside(folder))
            if is_hidden(entry.name):
                continue
            try:
                if entry.is_dir():
                    folders.append(entry.path)
                    continue
                status = entry.stat()
            except OSError as error:  # a link to nothing, or in a circle
                raise TrafficError(
                    f"{entry.path}: cannot be read ({error.strerror}); expected a Parquet file"
                ) from None
            if not stat.S_ISREG(status.st_mode):
                raise TrafficError(f"{entry.path}: found {odd_kind(entry.path)}, expected a Parquet file")
            files.append((entry.path, status.st_size, status.st_mtime_ns))


def is_hidden(name: str) -> bool:
    """Whether Spark skips a file or directory of this name.

    >>> is_hidden("_SUCCESS"), is_hidden(".part.crc"), is_hidden("_day=1"), is_hidden("part-0.parquet")
    (True, True, False, False)
    """
    return name.startswith(".") or (name.startswith("_") and "=" not in name) or name.endswith("._COPYING_")


def _refuse_inside_delta(place: Path) -> None:
    for parent in place.parents:
        if (parent / "_delta_log").is_dir():
            raise TrafficError(_inside_delta(place, parent))


def _no_files(root: str) -> str:
    return f"{root}: has no data files: expected Parquet files or a Delta table"


def _delta_inside(folder: str) -> str:
    return f"{folder} is a Delta table inside the given path: give its own path in `traffic.path`"


def _inside_delta(place: object, parent: object) -> str:
    return (
        f"{place} lies inside the Delta table {parent}, whose files hold removed rows too: "
        f"give `path: {parent}` and select with `where`"
    )
