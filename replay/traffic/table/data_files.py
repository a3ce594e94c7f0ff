"""Data files of the pinned table, and those that cannot be read: told one by one, never dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from replay.errors import TrafficError
from replay.files.reading import file_status

_NAMED = 3


@dataclass(frozen=True)
class DataFile:
    """One data file of the pinned table.

    Attributes:
        path: Absolute local path, or a URI where the table is not on this machine.
        size: Bytes, or None where only Spark reads the table.
        num_rows: Rows that the table has in it (without deleted ones), or None where only a scan would tell.
        modified: For Parquet, which has no versions: nanoseconds since 1970 of the last change; None for Delta.
        partition_values: Value of each partition column.
    """

    path: str
    size: int | None
    num_rows: int | None
    modified: int | None = None
    partition_values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class UnreadableFile:
    """A data file of which no row is read.

    Attributes:
        file: As it was pinned; ``num_rows`` is what its footer or the table's log says.
        reason: What is wrong with it.
        counted: Rows that it counts for: its own where they are known, else what a file of its size would have at the
            rows a byte of the others; at least 1.
    """

    file: DataFile
    reason: str
    counted: int = 1

    @property
    def rows(self) -> int | None:
        """Its rows, or None where nothing says how many they are."""
        return self.file.num_rows

    def describe(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {
            "path": self.file.path,
            "reason": self.reason,
            "rows": self.rows,
            "counted": self.counted,
            "size": self.file.size,
            "modified": self.file.modified,
        }


def unreadable_now(file: DataFile, reason: str) -> UnreadableFile:
    """A file that cannot be read, with its size and time of change as they are now.

    Raises:
        OSError: It is gone.
    """
    status = file_status(file.path)
    return UnreadableFile(replace(file, size=status.size, modified=status.modified), reason)


def refuse_all(unreadable: Sequence[UnreadableFile], files: Sequence[DataFile]) -> None:
    """Refuse a table, or what is selected of one, of which no file is left.

    Args:
        unreadable: Files that cannot be read.
        files: All files, these among them.

    Raises:
        TrafficError: They are all.
    """
    if unreadable and len(unreadable) == len(files):
        first = unreadable[0]
        raise TrafficError(
            f"none of {len(files):,} data file{'s' if len(files) > 1 else ''} can be read; {first.file.path}: "
            f"{first.reason}"
        )


def counted(unreadable: Sequence[UnreadableFile], others: Sequence[DataFile]) -> tuple[UnreadableFile, ...]:
    """Unreadable files with the rows that each counts for, sorted by path.

    Args:
        unreadable: The files.
        others: Those of the table that can be read.
    """
    known = [(file.size, file.num_rows) for file in others if file.size and file.num_rows]
    total = sum(size for size, _ in known)
    per_byte = sum(rows for _, rows in known) / total if total else 0.0
    found = (
        replace(each, counted=max(1, round((each.file.size or 0) * per_byte)) if each.rows is None else each.rows)
        for each in unreadable
    )
    return tuple(sorted(found, key=lambda each: each.file.path))


def refuse_more(unreadable: Sequence[UnreadableFile], most: int) -> None:
    """Refuse files that count for more rows than may be left out.

    Raises:
        TrafficError: With the count, and some of the files.
    """
    rows = sum(each.counted for each in unreadable)
    if rows <= most:
        return
    listed = [f"  {each.file.path}: {each.reason} ({rows_text(each)})" for each in unreadable[:_NAMED]]
    more = len(unreadable) - len(listed)
    raise TrafficError(
        "\n".join(
            [
                f"{len(unreadable):,} file{'s' if len(unreadable) > 1 else ''} cannot be read, which count for "
                f"{rows:,} rows, and `engine.max_bad_rows` allows {most:,}: restore them, or give a larger "
                "--max-bad-rows",
                *listed,
                *([f"  ... and {more:,} more"] if more else []),
            ]
        )
    )


def rows_text(file: UnreadableFile) -> str:
    """How many rows a file has, or counts for."""
    return f"{file.rows:,} rows" if file.rows is not None else f"rows unknown, counted as {file.counted:,}"


def identity(paths: Sequence[str]) -> Iterator[str]:
    """What unreadable files add to what a table is pinned by."""
    return (f"unreadable {path}" for path in paths)


def is_still_there(before: Mapping[str, Any]) -> bool:
    """Whether a file is as it was when a manifest described it.

    Args:
        before: See :meth:`UnreadableFile.describe`.
    """
    try:
        status = file_status(before["path"])
    except OSError:
        return False
    return bool((status.size, status.modified) == (before["size"], before["modified"]))
