"""A Delta table on an object store whose log is more than a few commits: read by delta-rs, from its checkpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.errors import TrafficError
from replay.files.places import delta_location
from replay.files.reasons import plain_reason
from replay.spark.delta import DeltaSnapshot, LoggedFile, resolve_path
from replay.spark.types import readable_types

if TYPE_CHECKING:
    from deltalake import DeltaTable

_READER_FEATURES = frozenset({"deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"})


def checkpointed_snapshot(path: str, version: int | None) -> tuple[DeltaSnapshot, pa.Schema] | None:
    """One version of a table, and its columns in canonical types; those that have none are left out.

    Args:
        path: The table's URL.
        version: The version; None for the latest.

    Returns:
        The same as Spark tells; None where the table asks of a reader what delta-rs' files alone do not answer: column
        mapping, deleted rows, features that are not known here.

    Raises:
        TrafficError: There is no such version, or the log cannot be read.
    """
    from deltalake.exceptions import DeltaError

    try:
        table = _open(path, version)
        if not _is_plain(table):
            return None
        metadata = table.metadata()
        files = tuple(sorted(_files(path, table), key=lambda file: file.path))
        schema = _schema(table)
    except (DeltaError, OSError) as error:
        raise TrafficError(f"{path}: the Delta log cannot be read: {plain_reason(path, error)}") from error
    partitions = tuple(metadata.partition_columns)
    return DeltaSnapshot(str(metadata.id), table.version(), False, partitions, files), schema


def _open(path: str, version: int | None) -> DeltaTable:
    from deltalake import DeltaTable

    location, options = delta_location(path)
    newest = DeltaTable(location, storage_options=options)
    if version is None or version == newest.version():
        return newest
    if version > newest.version():
        raise TrafficError(
            f"{path}: has no version {version}: the latest is {newest.version()}; give another `traffic.delta_version`"
        )
    return DeltaTable(location, version=version, storage_options=options)


def _is_plain(table: DeltaTable) -> bool:
    """Whether its files hold its rows, all of them, under its names."""
    protocol = table.protocol()
    features = frozenset(protocol.reader_features or ())
    mapping = table.metadata().configuration.get("delta.columnMapping.mode") or "none"
    if mapping != "none" or protocol.min_reader_version > 3 or not features <= _READER_FEATURES:
        return False
    return "deletionVectors" not in features or pa.table(table.deletion_vectors()).num_rows == 0


def _files(path: str, table: DeltaTable) -> list[LoggedFile]:
    rows = pa.table(table.get_add_actions()).to_pylist()
    return [
        LoggedFile(
            resolve_path(path, row["path"]),
            row["size_bytes"],
            row["num_records"],
            row.get("partition") or {},
            deleted=False,
        )
        for row in rows
    ]


def _schema(table: DeltaTable) -> pa.Schema:
    from pyspark.sql.types import StructType

    return readable_types(StructType.fromJson(json.loads(table.schema().to_json())))
