"""Small Delta tables as their log has them, read without Spark: a session takes more than a second for each.

Leans on: Delta's protocol, by which a commit is a file ``_delta_log/NNNNNNNNNNNNNNNNNNNN.json`` of one action a line.
Where there is more to a table than adding and removing whole files, it is left to Spark.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from replay.files.reading import file_status, read_bytes
from replay.spark.delta.log import newest_version
from replay.spark.delta.snapshot import COLUMN_MAPPING, DeltaSnapshot, LoggedFile, resolve_path
from replay.spark.types import readable_types

_MOST_BYTES = 32 << 20
"""Of a log that is read here; longer ones Spark reads from their checkpoints."""
_READER_FEATURES = frozenset({"deletionVectors", "timestampNtz", "vacuumProtocolCheck"})
"""What a reader may be asked to know; a file that has a deletion vector is told by itself."""


@dataclass(frozen=True)
class _Log:
    """What a log comes to.

    Attributes:
        version: The last commit that counts.
        metadata: The last action of its kind; empty where there is none.
        live: The action that added each file that is still there, by its path in the log, in the order of these.
    """

    version: int
    metadata: dict[str, Any]
    live: dict[str, dict[str, Any]]


def live_files(table: str) -> list[str] | None:
    """Paths of the files that hold a table's rows now, in the order in which they were added.

    Args:
        table: A directory that this process reaches.

    Returns:
        The files; None where only Spark can tell: the log is not whole, or the table uses column mapping, partitions or
        deletion vectors.
    """
    log = _read_log(table, None)
    if log is None:
        return None
    files = [resolve_path(table, path) for path in log.live]
    try:
        return files if all(file_status(file).size >= 0 for file in files) else None
    except OSError:
        return None


def local_snapshot(table: str, version: int | None) -> tuple[DeltaSnapshot, pa.Schema] | None:
    """One version of a table, and its columns in canonical types; those that have none are left out.

    Args:
        table: A directory that this process reaches.
        version: The version; None for the latest.

    Returns:
        The same as Spark tells; None where only Spark can tell, or has to say why it cannot.
    """
    log = _read_log(table, version)
    if log is None or not log.metadata:
        return None
    try:
        files = sorted((_logged_file(table, action) for action in log.live.values()), key=lambda file: file.path)
        schema = _schema(log.metadata["schemaString"])
        return DeltaSnapshot(log.metadata["id"], log.version, (), tuple(files)), schema
    except (KeyError, TypeError, ValueError):
        return None


def _read_log(table: str, version: int | None) -> _Log | None:
    """Replay a log from its first commit to a version."""
    newest = newest_version(table)
    last = newest if version is None else version
    if newest is None or last is None or not 0 <= last <= newest:
        return None
    files = [f"{table}/_delta_log/{number:020}.json" for number in range(last + 1)]
    try:
        if sum(file_status(file).size for file in files) > _MOST_BYTES:
            return None
        lines = [line for file in files for line in read_bytes(file).decode().splitlines() if line.strip()]
        actions = [json.loads(line) for line in lines]
    except (OSError, ValueError):
        return None  # an old commit is gone, and a checkpoint stands for it; or a line is no JSON
    metadata: dict[str, Any] = {}
    live: dict[str, dict[str, Any]] = {}
    for action in actions:
        if _is_more(action):
            return None
        metadata = action.get("metaData", metadata)
        if "add" in action:
            live[action["add"]["path"]] = action["add"]
        elif "remove" in action:
            live.pop(action["remove"]["path"], None)
    return _Log(last, metadata, live)


def _is_more(action: dict[str, Any]) -> bool:
    """Whether an action says that files are not simply the table's rows."""
    metadata, protocol = action.get("metaData", {}), action.get("protocol", {})
    mapping = metadata.get("configuration", {}).get(COLUMN_MAPPING, "none")
    return (
        mapping != "none"
        or bool(metadata.get("partitionColumns"))
        or bool(action.get("add", {}).get("deletionVector"))
        or not _READER_FEATURES.issuperset(protocol.get("readerFeatures") or ())
        or protocol.get("minReaderVersion", 1) > 3
    )


def _logged_file(table: str, action: dict[str, Any]) -> LoggedFile:
    records = json.loads(action.get("stats") or "{}").get("numRecords")
    return LoggedFile(resolve_path(table, action["path"]), action["size"], records, {}, deleted=False)


def _schema(text: str) -> pa.Schema:
    from pyspark.sql.types import StructType

    return readable_types(StructType.fromJson(json.loads(text)))
