"""Which task reads what: row groups that may have selected rows, gathered into splits of about equal size.

The plan depends on the pinned table and the selection alone, never on the machine, so that a run can go on where an
earlier one stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from replay.traffic.read.direct import BATCH_ROWS, Piece, Split
from replay.traffic.read.selecting.skipping import Skipping
from replay.traffic.read.selecting.window import Overlap, TimeFilter
from replay.traffic.table.footers import read_footers

if TYPE_CHECKING:
    from replay.traffic.table.data_files import DataFile

TARGET_ROWS = 250_000
"""Rows of a split of a large table."""
_SPLITS_OF_SMALL = 16
"""A table that is too small for so many full splits gets smaller ones, to keep several task slots busy."""
_FEW_GROUPS = 4
_MAX_RANGE_ROWS = 1 << 20


def make_splits(
    files: Sequence[DataFile],
    window: TimeFilter | None,
    target_rows: int | None = None,
    skipping: Skipping | None = None,
) -> tuple[Split, ...]:
    """Gather the row groups that may have selected rows into splits of about ``target_rows`` rows.

    Many small files share a split. A row group is decoded as a whole, so it is cut into ranges of rows only where there
    are too few to work on side by side: a range has to decode, and drop, the rows before it.
    """
    groups = list(_row_groups(files, window, skipping))
    total = sum(group.num_rows for group in groups)
    target = target_rows or min(TARGET_ROWS, max(BATCH_ROWS, -(-total // _SPLITS_OF_SMALL)))
    ranges = [part for group in groups for part in _cut(group, len(groups), target)]
    splits: list[Split] = []
    gathered: list[Piece] = []
    rows = 0
    for piece in ranges:
        if gathered and rows + piece.num_rows > target * 5 // 4:
            splits.append(Split(tuple(gathered), rows))
            gathered, rows = [], 0
        _append(gathered, piece)
        rows += piece.num_rows
    return (*splits, Split(tuple(gathered), rows)) if gathered else tuple(splits)


def _row_groups(files: Sequence[DataFile], window: TimeFilter | None, skipping: Skipping | None) -> Iterator[Piece]:
    """Row groups with rows that may be selected, each a piece."""
    reached = reached_files(files, window, skipping)
    footers = read_footers([file.path for file, _ in reached])
    for (file, whole), footer in zip(reached, footers, strict=True):
        assert file.size is not None  # tasks read only files that were pinned one by one
        for index in range(footer.metadata.num_row_groups):
            group = footer.metadata.row_group(index)
            if skipping is not None and skipping.skips_group(group):
                continue
            told = window is not None and window.logged and whole is Overlap.SOME
            overlap = window.overlap(group) if window is not None and told else whole
            if overlap is not Overlap.NONE and group.num_rows:
                masked = overlap is Overlap.SOME
                values = file.partition_values
                yield Piece(file.path, file.size, file.modified, (index,), group.num_rows, masked, values)


def reached_files(
    files: Sequence[DataFile], window: TimeFilter | None, skipping: Skipping | None
) -> list[tuple[DataFile, Overlap]]:
    """Files that may have selected rows, by their partition values alone, each with how much of it the window holds."""
    if skipping is not None:
        files = [file for file in files if not skipping.skips_file(file)]
    overlaps = [_by_partition(file, window) for file in files]
    return [(file, overlap) for file, overlap in zip(files, overlaps, strict=True) if overlap is not Overlap.NONE]


def _by_partition(file: DataFile, window: TimeFilter | None) -> Overlap:
    """What a file's partition values tell of the window, without opening it."""
    if window is None:
        return Overlap.ALL
    if window.logged and window.column.root in file.partition_values:
        return window.overlap_value(file.partition_values[window.column.root])
    return Overlap.SOME


def _cut(group: Piece, num_groups: int, target: int) -> Iterator[Piece]:
    few = -(-_FEW_GROUPS // num_groups)
    parts = max(few, -(-group.num_rows // _MAX_RANGE_ROWS) if group.num_rows > 2 * _MAX_RANGE_ROWS else 1)
    parts = max(1, min(parts, -(-group.num_rows // target)))
    if parts == 1:
        yield group
        return
    step = -(-group.num_rows // parts)
    for start in range(0, group.num_rows, step):
        stop = min(start + step, group.num_rows)
        yield replace(group, rows=(start, stop), num_rows=stop - start)


def _append(gathered: list[Piece], piece: Piece) -> None:
    """Add a piece; neighbouring row groups of one file become one piece, and the file is opened once."""
    last = gathered[-1] if gathered else None
    joined = (
        last is not None
        and (last.path, last.masked) == (piece.path, piece.masked)
        and last.rows is None
        and piece.rows is None
    )
    if last is None or not joined:
        gathered.append(piece)
        return
    groups = (*last.row_groups, *piece.row_groups)
    gathered[-1] = replace(last, row_groups=groups, num_rows=last.num_rows + piece.num_rows)
