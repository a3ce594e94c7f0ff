"""Counts of a table's features by cell, by slice and by time bucket: one pass, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.audit.columns.ages import ValueAges
from replay.audit.columns.beside import BesideCounts, BesideValues
from replay.audit.columns.cells import NUM_CELLS, Codes, ValueCells
from replay.audit.columns.partitions import Partition, make_partitions
from replay.audit.columns.states import Stat, state_of
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
        values: What else is kept of each feature's values, until :meth:`finish`.
        beside: What is kept of the columns beside them, until then.
        statistics: What both say, by feature.
        ages: How old values are, by feature of which that is known.
    """

    def __init__(self, cells: Mapping[str, ValueCells]) -> None:
        self.cells = dict(cells)
        self.rows = 0
        self.slices = AuditedSlices()
        self.by_slice: dict[str, Counts] = {name: np.zeros((1, NUM_CELLS), dtype=np.int64) for name in cells}
        self.by_bucket: dict[int, Counts] = {}
        self.values = {name: state_of(each) for name, each in cells.items()}
        self.beside = BesideCounts()
        self.statistics: dict[str, tuple[Stat, ...]] = {}
        self.ages: dict[str, ValueAges] = {}

    def update(
        self,
        columns: Mapping[str, pa.Array],
        segments: Mapping[str, pa.Array],
        buckets: NDArray[np.int64],
        beside: BesideValues | None = None,
    ) -> None:
        """Add rows.

        Args:
            columns: The features, ``(num_rows,)`` each.
            segments: The same.
            buckets: ``(num_rows,)`` the number of each row's bucket.
            beside: What stands beside the features.
        """
        self.rows += buckets.size
        slices = self.slices.codes(segments)
        self._grow()
        if not buckets.size:
            return
        partitions = make_partitions([buckets, *slices])
        for number, (name, state) in enumerate(self.values.items()):
            codes = state.add(columns[name])
            for partition in partitions:
                self._add(number, name, partition, codes)
        if beside is not None:
            self.beside.update(beside, partitions)

    def _add(self, number: int, name: str, partition: Partition, codes: Codes) -> None:
        """Count the rows of a feature by slice and by bucket."""
        table = self.by_slice[name]
        for division, parts, counts in partition.count(codes, NUM_CELLS):
            if division == 0:
                table[0] += counts.sum(axis=0)
                for bucket, of_bucket in zip(parts.tolist(), counts, strict=True):
                    self.by_bucket.setdefault(bucket, self._empty())[number] += of_bucket
            else:
                kept = slice(int(parts[0] < 0), None)  # -1 comes first
                table[parts[kept]] += counts[kept]

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
        for name, state in other.values.items():
            self.values[name].merge(state)
        self.beside.merge(other.beside, numbers)

    def finish(self, value_times: Mapping[str, str], statuses: Mapping[str, str]) -> None:
        """Draw the statistics from what is kept of values, and let go of that: no rows can be added any more.

        Args:
            value_times: The column that says when a feature's value was computed, by feature.
            statuses: The column that says why it is missing.
        """
        beside = self.beside
        for name, state in self.values.items():
            known = beside.statistics(value_times.get(name), statuses.get(name))
            self.statistics[name] = (*state.statistics(), *known)
        self.ages = {name: beside.ages[column] for name, column in value_times.items() if column in beside.ages}
        self.values, self.beside = {}, BesideCounts()

    def join(self, other: ColumnCounts) -> None:
        """Add other features of the same rows; both are finished."""
        numbers = self.slices.join(other.slices)
        more = self._empty()
        for bucket in self.by_bucket.keys() | other.by_bucket.keys():
            both = (self.by_bucket.get(bucket, more), other.by_bucket.get(bucket, other._empty()))
            self.by_bucket[bucket] = np.concatenate(both)
        self.cells |= other.cells
        self.statistics |= other.statistics
        for feature, ages in other.ages.items():
            self.ages[feature] = ValueAges()
            self.ages[feature].merge(ages, numbers)
        for name, table in other.by_slice.items():
            self.by_slice[name] = np.zeros((len(self.slices), NUM_CELLS), dtype=np.int64)
            kept = np.flatnonzero(numbers[: len(table)] >= 0)
            self.by_slice[name][numbers[kept]] = table[kept]

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
