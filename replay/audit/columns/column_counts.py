"""Counts of a table's features by cell, by slice and by time bucket: one pass, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.audit.columns.cells import NUM_CELLS, ValueCells
from replay.audit.slices import AuditedSlices

Counts = NDArray[np.int64]


class ColumnCounts:
    """Rows by feature, cell and slice, and by feature, cell and bucket. Mergeable; integers: any order is alike.

    Args:
        cells: Of each feature.

    Attributes:
        rows: Of the table.
        slices: That were met.
        by_slice: ``(num_slices, NUM_CELLS)`` by feature.
        by_bucket: By bucket ``(num_features, NUM_CELLS)``, features in the order of ``cells``.
    """

    def __init__(self, cells: Mapping[str, ValueCells]) -> None:
        self.cells = dict(cells)
        self.rows = 0
        self.slices = AuditedSlices()
        self.by_slice: dict[str, Counts] = {name: np.zeros((1, NUM_CELLS), dtype=np.int64) for name in cells}
        self.by_bucket: dict[int, Counts] = {}

    def update(
        self, columns: Mapping[str, pa.Array], segments: Mapping[str, pa.Array], buckets: NDArray[np.int64]
    ) -> None:
        """Add rows: the features, the segments, and the number of each row's bucket, ``(num_rows,)`` each."""
        self.rows += buckets.size
        slices = self.slices.codes(segments)
        self._grow()
        found, place = np.unique(buckets, return_inverse=True)
        per_bucket = [self.by_bucket.setdefault(int(bucket), self._empty()) for bucket in found]
        for number, (name, cells) in enumerate(self.cells.items()):
            codes = cells.codes(columns[name])
            counted = np.bincount(place * NUM_CELLS + codes, minlength=found.size * NUM_CELLS).reshape(-1, NUM_CELLS)
            for bucket, counts in zip(per_bucket, counted, strict=True):
                bucket[number] += counts
            table = self.by_slice[name]
            table[0] += counted.sum(axis=0)
            for of_row in slices:
                kept = of_row >= 0
                flat = of_row * NUM_CELLS + codes if kept.all() else (of_row * NUM_CELLS + codes)[kept]
                table += np.bincount(flat, minlength=table.size).reshape(table.shape)

    def merge(self, other: ColumnCounts) -> None:
        """Add another's rows, of the same features and cells."""
        self.rows += other.rows
        numbers = self.slices.join(other.slices)
        self._grow()
        for bucket, counts in other.by_bucket.items():
            self.by_bucket[bucket] = self.by_bucket.get(bucket, 0) + counts
        for name, table in other.by_slice.items():
            kept = np.flatnonzero(numbers[: len(table)] >= 0)
            np.add.at(self.by_slice[name], numbers[kept], table[kept])

    def buckets_of(self, name: str) -> Counts:
        """Counts of a feature by bucket, in order of time: ``(num_buckets, NUM_CELLS)``."""
        number = list(self.cells).index(name)
        return np.stack([self.by_bucket[bucket][number] for bucket in sorted(self.by_bucket)])

    def _empty(self) -> Counts:
        return np.zeros((len(self.cells), NUM_CELLS), dtype=np.int64)

    def _grow(self) -> None:
        for name, table in self.by_slice.items():
            more = len(self.slices) - len(table)
            if more > 0:
                self.by_slice[name] = np.concatenate((table, np.zeros((more, NUM_CELLS), dtype=np.int64)))
