"""One version of a Delta table, whoever reads its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

MAPPED = "the Delta table maps column names (delta.columnMapping.mode)"
DELETED = "rows of the Delta table are deleted by deletion vectors"
COLUMN_MAPPING = "delta.columnMapping.mode"


@dataclass(frozen=True)
class LoggedFile:
    """One file that a version of a table consists of.

    Attributes:
        path: Local path or URI.
        size: Bytes, or None where Spark alone reads the log.
        num_rows: Rows that are not deleted, or None where the log has no statistics.
        partition_values: Typed.
        deleted: Some of its rows are deleted by a deletion vector.
    """

    path: str
    size: int | None
    num_rows: int | None
    partition_values: Mapping[str, Any]
    deleted: bool


@dataclass(frozen=True)
class DeltaSnapshot:
    """One version of a table.

    Attributes:
        table_id: Of the table, in all its versions.
        version: Pinned.
        partition_columns: In order.
        files: Sorted by path.
        obstacle: Why the files alone are not the table's rows, under its names; None where they are.
    """

    table_id: str
    version: int
    partition_columns: tuple[str, ...]
    files: tuple[LoggedFile, ...]
    obstacle: str | None = None


def no_version(path: str, version: int, latest: int) -> str:
    """What is said where a version is later than the latest one."""
    return f"{path}: has no version {version}: the latest is {latest}; give another `traffic.delta_version`"


def resolve_path(table: str, logged: str) -> str:
    """Make a path of the log, relative or absolute and URL-encoded, a path that files are opened by.

    Args:
        table: The table's directory.
        logged: As an action of the log has it.
    """
    place = unquote(logged)
    scheme, colon, rest = place.partition(":")
    if colon and "/" not in scheme and rest.startswith("/"):
        return "/" + rest.lstrip("/") if scheme == "file" else place
    return place if place.startswith("/") else f"{table.rstrip('/')}/{place}"
