"""Summaries and least changes by slice: each slice has a distribution of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.hashing import Keys
from replay.scenarios.least_change.base import ColumnSummary, LeastChange

_Places = npt.NDArray[np.int64]


class SlicedSummary:
    """A summary of each slice's rows.

    Args:
        empty: Makes the summary of a slice.

    Attributes:
        slices: By the hash of the slice's values, see :func:`replay.scenarios.row_keys`.
    """

    def __init__(self, empty: Callable[[], ColumnSummary]) -> None:
        self._empty = empty
        self.slices: dict[int, ColumnSummary] = {}

    def update(self, values: pa.Array, slices: Keys) -> None:
        """Count rows.

        Args:
            values: (n,) of the working type.
            slices: (n,) the slice of each.
        """
        for name, rows in _rows_of(slices):
            self._of(name).update(_some(values, rows))

    def merge(self, other: SlicedSummary) -> None:
        """Count another's rows too."""
        for name, summary in other.slices.items():
            self._of(name).merge(summary)

    def change_to(self, reference: SlicedSummary) -> SlicedChange:
        """The least change within each slice that both have rows of."""
        both = sorted(self.slices.keys() & reference.slices.keys())
        return SlicedChange({name: self.slices[name].change_to(reference.slices[name]) for name in both})

    def _of(self, name: int) -> ColumnSummary:
        if name not in self.slices:
            self.slices[name] = self._empty()
        return self.slices[name]


@dataclass(frozen=True)
class SlicedChange:
    """What becomes of values, by slice.

    Attributes:
        changes: By slice. Rows of a slice that the reference does not have stay: it says nothing of them.
    """

    changes: dict[int, LeastChange]

    def apply(self, values: pa.Array, randoms: Keys, slices: Keys) -> pa.Array:
        """Change values, each by its slice; see :meth:`LeastChange.apply`.

        Args:
            values: (k,) of the working type.
            randoms: (k,) 64 random bits of each row.
            slices: (k,) the slice of each.
        """
        parts, order = [], []
        for name, rows in _rows_of(slices):
            part, change = _some(values, rows), self.changes.get(name)
            parts.append(part if change is None else change.apply(part, randoms[rows]))
            order.append(rows)
        if len(parts) <= 1:
            return parts[0] if parts else values
        return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(order))))


def _rows_of(slices: Keys) -> Iterator[tuple[int, _Places]]:
    """Every slice, with its rows, ascending."""
    names, codes, sizes = np.unique(slices, return_inverse=True, return_counts=True)
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])
    yield from zip(names.tolist(), rows if len(names) else [], strict=True)


def _some(values: pa.Array, rows: _Places) -> pa.Array:
    return values if len(rows) == len(values) else values.take(pa.array(rows))
