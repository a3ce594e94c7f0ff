"""A Delta table whose log is more than a few commits, or has partitions: read by delta-rs, from its checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.errors import TrafficError
from replay.files.places import delta_location, local_path
from replay.files.reasons import plain_reason
from replay.spark.delta.snapshot import (
    COLUMN_MAPPING,
    DELETED,
    MAPPED,
    DeltaSnapshot,
    LoggedFile,
    no_version,
    resolve_path,
)
from replay.spark.types import readable_types

if TYPE_CHECKING:
    from deltalake import DeltaTable

_READER_FEATURES = frozenset(
    {
        "columnMapping",
        "deletionVectors",
        "timestampNtz",
        "typeWidening",
        "typeWidening-preview",
        "v2Checkpoint",
        "vacuumProtocolCheck",
        "variantType",
        "variantType-preview",
    }
)


def delta_rs_snapshot(path: str, version: int | None) -> tuple[DeltaSnapshot, pa.Schema] | None:
    """One version of a table, and its columns in canonical types; those that have none are left out.

    Args:
        path: The table's directory, or its URL.
        version: The version; None for the latest.

    Returns:
        The same as Spark tells; None where the table asks for features that are not known here, and for a table on
        this machine where Spark has to say what is wrong.

    Raises:
        TrafficError: There is no such version; or the log on a store cannot be read.
    """
    from deltalake.exceptions import DeltaError

    try:
        table = _open(path, version)
        if not _is_known(table):
            return None
        metadata = table.metadata()
        mapped = metadata.configuration.get(COLUMN_MAPPING, "none") != "none"
        deleted = _deleted_rows(path, table)
        files = sorted(_files(path, table, deleted, mapped=mapped), key=lambda file: file.path)
        schema = _schema(table)
    except (DeltaError, OSError, ValueError) as error:
        if local_path(path) is not None:
            return None
        raise TrafficError(f"{path}: the Delta log cannot be read: {plain_reason(path, error)}") from error
    obstacle = MAPPED if mapped else DELETED if deleted else None
    partitions = tuple(metadata.partition_columns)
    return DeltaSnapshot(str(metadata.id), table.version(), partitions, tuple(files), obstacle), schema


def _open(path: str, version: int | None) -> DeltaTable:
    from deltalake import DeltaTable

    location, options = delta_location(path)
    newest = DeltaTable(location, storage_options=options)
    if version is None or version == newest.version():
        return newest
    if version > newest.version():
        raise TrafficError(no_version(path, version, newest.version()))
    return DeltaTable(location, version=version, storage_options=options)


def _is_known(table: DeltaTable) -> bool:
    """Whether all that the table asks of a reader is known here."""
    protocol = table.protocol()
    return protocol.min_reader_version <= 3 and frozenset(protocol.reader_features or ()) <= _READER_FEATURES


def _deleted_rows(path: str, table: DeltaTable) -> dict[str, int]:
    """How many rows of a file are deleted by a deletion vector, by the file's path."""
    if "deletionVectors" not in (table.protocol().reader_features or ()):
        return {}
    root = table.table_uri.rstrip("/")
    vectors = pa.table(table.deletion_vectors())
    deleted = {}
    for file, kept in zip(vectors["filepath"].to_pylist(), vectors["selection_vector"], strict=True):
        below = file.removeprefix(root).lstrip("/") if file.startswith(f"{root}/") else file
        deleted[resolve_path(path, below)] = kept.values.false_count
    return deleted


def _files(path: str, table: DeltaTable, deleted: Mapping[str, int], *, mapped: bool) -> Iterator[LoggedFile]:
    for row in pa.table(table.get_add_actions()).to_pylist():
        file, rows = resolve_path(path, row["path"]), row["num_records"]
        yield LoggedFile(
            file,
            row["size_bytes"],
            None if rows is None else rows - deleted.get(file, 0),
            {} if mapped else row.get("partition") or {},
            deleted=file in deleted,
        )


def _schema(table: DeltaTable) -> pa.Schema:
    from pyspark.sql.types import StructType

    return readable_types(StructType.fromJson(json.loads(table.schema().to_json())))
