"""Rows cut into cells of time, and counted per cell and segment value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.rows import RowTable

_MOST_CELLS = 2_048
_LEAST_CELL_ROWS = 32
_MOST_BUCKETS = 2_048
_LEAST_SLICE_ROWS = 64
_MOST_VALUES = 400
_MOST_PAIRS = 500


@dataclass(frozen=True)
class TimeCells:
    """Half-open ranges of rows, in time order.

    Edges lie at equal numbers of rows and at time buckets both: the former follow the traffic (peaks get more cells
    than nights), the latter are where incidents of a quiet hour begin.

    Attributes:
        edges: ``(num_cells + 1,)`` row positions, ascending.
        of_row: ``(num_rows,)`` int32, each row's cell.
    """

    edges: NDArray[np.int64]
    of_row: NDArray[np.int32]

    @classmethod
    def of_times(cls, time_us: NDArray[np.int64], bucket_us: int) -> TimeCells:
        """Cut sorted times; ``bucket_us`` is doubled until there are at most 2,048 buckets."""
        num_rows = len(time_us)
        equal = np.linspace(0, num_rows, min(_MOST_CELLS, max(1, num_rows // _LEAST_CELL_ROWS)) + 1).astype(np.int64)
        first, last = (int(time_us[0]), int(time_us[-1])) if num_rows else (0, 0)
        width = bucket_us
        while (last - first) // width > _MOST_BUCKETS:
            width *= 2
        buckets = np.searchsorted(time_us, np.arange(first // width, last // width + 1) * width)
        edges = np.unique(np.concatenate([equal, buckets]))
        of_row = np.repeat(np.arange(len(edges) - 1, dtype=np.int32), np.diff(edges))
        return cls(edges, of_row)

    def __len__(self) -> int:
        return len(self.edges) - 1


@dataclass(frozen=True)
class Slicing:
    """One way to slice the traffic: by nothing, by a segment column, or by two.

    Attributes:
        names: The segment columns.
        values: Per slice, its value in each column.
        of_row: ``(num_rows,)`` int32, each row's slice; ``len(values)`` for a row that is in none.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    of_row: NDArray[np.int32]

    def segments(self, index: int) -> dict[str, str]:
        """The slice as a mapping of column to value."""
        return dict(zip(self.names, self.values[index], strict=True))

    def sums(
        self, cells: TimeCells, rows: NDArray[np.int64] | slice, weights: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """``(num_cells, num_slices)``: sums of ``weights`` (or counts) over ``rows``."""
        width = len(self.values) + 1
        index = cells.of_row[rows].astype(np.int64) * width + self.of_row[rows]
        found = np.bincount(index, weights=weights, minlength=len(cells) * width)
        return found.reshape(len(cells), width)[:, :-1].astype(np.float64)


def slicings(rows: RowTable) -> Iterator[Slicing]:
    """All traffic, each segment column, each pair of columns.

    Values with fewer than 64 rows are left out, and of many values or pairs the largest 400 and 500 are kept.
    """
    num_rows = len(rows)
    yield Slicing((), ((),), np.zeros(num_rows, dtype=np.int32))
    single = [_by_column(name, *column) for name, column in rows.segments.items()]
    single = [slicing for slicing in single if slicing.values]
    yield from single
    for left, right in combinations(single, 2):
        pair = _by_pair(left, right)
        if pair.values:
            yield pair


def _by_column(name: str, codes: NDArray[np.int32], values: tuple[str, ...]) -> Slicing:
    known = np.where((codes < 0) | (codes >= len(values)), len(values), codes)
    kept, of_row = _largest(known, len(values), _MOST_VALUES)
    return Slicing((name,), tuple((values[code],) for code in kept), of_row)


def _by_pair(left: Slicing, right: Slicing) -> Slicing:
    width = len(right.values)
    total = len(left.values) * width
    outside = (left.of_row == len(left.values)) | (right.of_row == width)
    codes = np.where(outside, total, left.of_row.astype(np.int64) * width + right.of_row)
    kept, of_row = _largest(codes, total, _MOST_PAIRS)
    values = tuple(left.values[code // width] + right.values[code % width] for code in kept)
    return Slicing(left.names + right.names, values, of_row)


def _largest(codes: NDArray[np.generic], total: int, most: int) -> tuple[list[int], NDArray[np.int32]]:
    """The codes with most rows, and each row's index among them."""
    counts = np.bincount(np.asarray(codes, dtype=np.int64), minlength=total + 1)[:total]
    kept = np.sort(np.argsort(-counts, kind="stable")[:most])
    kept = kept[counts[kept] >= _LEAST_SLICE_ROWS]
    index = np.full(total + 1, len(kept), dtype=np.int32)
    index[kept] = np.arange(len(kept), dtype=np.int32)
    return [int(code) for code in kept], index[codes]
