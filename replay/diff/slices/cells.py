"""The finest cells of a chunk, and how they add up to slices.

Rows are summed once, by cell: a combination of all segments' values and a time bucket that occurs in the chunk. Every
slice is then a sum of a few cells, so that more segments cost hardly more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.metrics.keyed import Keys, Sums, reduce_by_key

Codes = NDArray[np.int64]

PAIR_SHIFT = np.uint64(32)
PAIR_LOW = np.uint64(2**32 - 1)


@dataclass(frozen=True, slots=True)
class SliceCells:
    """Cells of a chunk.

    Attributes:
        of_row: ``(num_rows,)``: cell of each row.
        count: Number of cells.
        codes: For each dimension, ``(count,)``: the cell's code there.
    """

    of_row: Codes
    count: int
    codes: tuple[Codes, ...]

    def sum(self, columns: Sequence[NDArray[Any]], rows: Codes | None = None) -> Sums:
        """Sum columns by cell.

        Args:
            columns: Each ``(num_rows,)``, or of the length of ``rows``.
            rows: Rows that the columns hold; None for all.

        Returns:
            ``(count, num_columns)``.
        """
        of_row = self.of_row if rows is None else self.of_row[rows]
        sums = np.empty((self.count, len(columns)))
        for place, column in enumerate(columns):
            if not column.any():  # of what a scenario changes in its checkpoint's sums, much is nothing
                sums[:, place] = 0.0
            elif (
                column.dtype == bool
            ):  # counting is cheaper than adding, and most masks are nearly full or nearly empty
                counted = of_row if column.all() else of_row[column]
                sums[:, place] = np.bincount(counted, minlength=self.count)
            else:
                sums[:, place] = np.bincount(of_row, weights=column, minlength=self.count)
        return sums

    def keys(self, dimension: int, by: int | None = None) -> Keys:
        """Key of every cell on one or two dimensions: ``dimension`` in the high 32 bits, ``by`` (or 0) in the low."""
        keys = self.codes[dimension].astype(np.uint64) << PAIR_SHIFT
        return keys if by is None else keys | self.codes[by].astype(np.uint64)

    def roll_up(self, sums: Sums, dimension: int, by: int | None = None) -> tuple[Keys, Sums]:
        """Add up cells that agree on one or two dimensions."""
        return reduce_by_key(self.keys(dimension, by), sums)


def find_cells(dimensions: Sequence[tuple[Codes, int]], rows: int) -> SliceCells:
    """Find the combinations of codes that occur.

    Args:
        dimensions: For each, the codes by row, ``(rows,)``, and how many codes there are.
        rows: Number of rows.
    """
    combined: Codes = np.zeros(rows, dtype=np.int64)
    size = 1
    for codes, count in dimensions:
        # Renumbering before the product would overflow keeps any number of segments within 64 bits.
        if size > 2**62 // max(count, 1):
            _, combined = np.unique(combined, return_inverse=True)
            size = rows
        combined = combined * count + codes
        size *= count
    of_row, representative = _compact(combined, size)
    return SliceCells(of_row, representative.size, tuple(codes[representative] for codes, _ in dimensions))


def _compact(codes: Codes, size: int) -> tuple[Codes, Codes]:
    """Renumber codes below ``size`` without gaps; the second array holds a row of each new code."""
    if size > 4 * max(codes.size, 1024):
        _, representative, of_row = np.unique(codes, return_index=True, return_inverse=True)
        return of_row, representative
    row_of: Codes = np.full(size, -1, dtype=np.int64)
    row_of[codes] = np.arange(codes.size)
    used = np.flatnonzero(row_of >= 0)
    place: Codes = np.zeros(size, dtype=np.int64)
    place[used] = np.arange(used.size)
    return place[codes], row_of[used]
