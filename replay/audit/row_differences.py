"""Rows of two joined tables held against each other: counts by feature and slice, and some rows to look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.audit.compare import (
    DIFFERS,
    EQUAL,
    NULL_HERE,
    NULL_THERE,
    NUM_CODES,
    Codes,
    Mask,
    as_floats,
    compare,
    is_number,
)
from replay.audit.slices import AuditedSlices, Cells
from replay.audit.smallest_hashes import SmallestHashes
from replay.features.codecs.buffers import plain
from replay.hashing import Keys, mix

Counts = NDArray[np.int64]
Watch = Callable[[str, pa.Array, Codes], None]

CLUSTERS = 64
"""Random groups of rows that belong together, for variances: 63 degrees of freedom."""
EXAMPLES = 1000
"""Differing rows of a feature that are kept to find out how they differ."""


def cluster_of(groups: Keys) -> Cells:
    """The random group, of ``CLUSTERS``, of each row; rows that belong together are in one, ``(num_rows,)``."""
    return (mix(groups) % np.uint64(CLUSTERS)).astype(np.int64)


@dataclass(frozen=True)
class PairedRows:
    """Rows of the traffic, with what the other table has for their keys.

    Attributes:
        keys: ``(num_rows,)`` hashes of the rows' keys.
        groups: ``(num_rows,)`` hashes of what belongs together: the request, else the row's key.
        matched: ``(num_rows,)``, where the other table has the key.
        segments: By name, ``(num_rows,)`` each.
        here: The traffic's features.
        there: The other table's, under the same names.
        beside: What is kept with an example: key columns, time, entity, status.
    """

    keys: Keys
    groups: Keys
    matched: Mask
    segments: Mapping[str, pa.Array]
    here: Mapping[str, pa.Array]
    there: Mapping[str, pa.Array]
    beside: pa.RecordBatch
    statuses: Mapping[str, pa.Array] = field(default_factory=dict)
    """The other table's status of each value, where it has one."""
    value_times: Mapping[str, pa.Array] = field(default_factory=dict)
    """When the other table's value was computed, where it says so."""

    def filter(self, rows: Mask) -> PairedRows:
        """Some of the rows."""
        places = pa.array(np.flatnonzero(rows))

        def some(columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
            return {name: column.take(places) for name, column in columns.items()}

        return PairedRows(
            self.keys[rows],
            self.groups[rows],
            self.matched[rows],
            some(self.segments),
            some(self.here),
            some(self.there),
            self.beside.take(places),
            some(self.statuses),
            some(self.value_times),
        )


class FeatureCounts:
    """Of one feature: rows by how they compare, by slice; and sums by cluster. Integers, so that any order is alike.

    Attributes:
        counts: ``(num_slices, NUM_CODES)``.
        differing: ``(num_slices, CLUSTERS)`` rows that differ, one-sided nulls among them.
        nulls: ``(num_slices, CLUSTERS)`` rows that are null there alone, less those that are null here alone.
        equal: The least and the largest number of rows that are equal: infinity and its opposite where there is none.
    """

    def __init__(self) -> None:
        self.counts: Counts = np.zeros((0, NUM_CODES), dtype=np.int64)
        self.differing: Counts = np.zeros((0, CLUSTERS), dtype=np.int64)
        self.nulls: Counts = np.zeros((0, CLUSTERS), dtype=np.int64)
        self.equal = (math.inf, -math.inf)

    def update(self, codes: Codes, slices: Sequence[Cells], clusters: Cells, num_slices: int) -> None:
        """Add rows: ``(num_rows,)`` each; the slices are those of one segment each."""
        self._grow(num_slices)
        differs = np.flatnonzero(codes != EQUAL)
        differs = differs[np.isin(codes[differs], (DIFFERS, NULL_HERE, NULL_THERE))]
        change = (codes[differs] == NULL_THERE).astype(np.int64) - (codes[differs] == NULL_HERE)
        for cells in (np.zeros(codes.size, dtype=np.int64), *slices):
            kept = cells >= 0
            flat = cells * NUM_CODES + codes if kept.all() else (cells * NUM_CODES + codes)[kept]
            self.counts += np.bincount(flat, minlength=self.counts.size).reshape(self.counts.shape)
            of_cell = cells[differs]
            held = of_cell >= 0
            places = of_cell[held] * CLUSTERS + clusters[differs][held]
            self.differing += np.bincount(places, minlength=self.differing.size).reshape(self.differing.shape)
            np.add.at(self.nulls.reshape(-1), places, change[held])

    def update_equal(self, here: pa.Array, codes: Codes) -> None:
        """Add the numbers of rows that are equal: ``(num_rows,)`` each."""
        here = plain(here)
        if is_number(here.type):
            numbers = as_floats(here)[codes == EQUAL]
            numbers = numbers[~np.isnan(numbers)]
            self._widen((float(numbers.min()), float(numbers.max())) if numbers.size else self.equal)

    def merge(self, other: FeatureCounts, numbers: Cells, num_slices: int) -> None:
        """Add another's rows; ``numbers`` are those here of its slices, -1 where one is dropped."""
        self._widen(other.equal)
        self._grow(num_slices)
        numbers = numbers[: len(other.counts)]
        kept = np.flatnonzero(numbers >= 0)
        for name in ("counts", "differing", "nulls"):
            np.add.at(getattr(self, name), numbers[kept], getattr(other, name)[kept])

    def _widen(self, ends: tuple[float, float]) -> None:
        self.equal = (min(self.equal[0], ends[0]), max(self.equal[1], ends[1]))

    def _grow(self, num_slices: int) -> None:
        more = num_slices - len(self.counts)
        if more > 0:
            for name in ("counts", "differing", "nulls"):
                held = getattr(self, name)
                setattr(self, name, np.concatenate((held, np.zeros((more, held.shape[1]), dtype=np.int64))))


class RowDifferences:
    """All features of two joined tables, compared row by row. Mergeable: any order of rows and parts gives the same.

    Attributes:
        rows: Rows that the other table has the key of.
        unmatched: Rows that it has not.
        slices: That were met.
        features: Counts by feature.
        rows_by_cluster: ``(num_slices, CLUSTERS)`` matched rows.
        examples: Differing rows by feature: those with the smallest hashes of their keys.
        unmatched_examples: Keys that it has not.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.unmatched = 0
        self.slices = AuditedSlices()
        self.features: dict[str, FeatureCounts] = {}
        self.rows_by_cluster: Counts = np.zeros((1, CLUSTERS), dtype=np.int64)
        self.examples: dict[str, SmallestHashes] = {}
        self.unmatched_examples = SmallestHashes(10)

    def update(self, rows: PairedRows, watch: Watch | None = None) -> None:
        """Compare some rows.

        Args:
            rows: Of both tables.
            watch: Is given each feature with its values here and how they compare, of the matched rows.
        """
        self.unmatched += int((~rows.matched).sum())
        if not rows.matched.all():
            missing = np.flatnonzero(~rows.matched)
            self.unmatched_examples.add(rows.keys[missing], lambda places: _taken(rows.beside, missing[places]))
            rows = rows.filter(rows.matched)
        self.rows += rows.keys.size
        slices = self.slices.codes(rows.segments)
        clusters = cluster_of(rows.groups)
        self._add_rows(slices, clusters)
        for name, here in rows.here.items():
            codes = compare(here, rows.there[name])
            counts = self.features.setdefault(name, FeatureCounts())
            counts.update(codes, slices, clusters, len(self.slices))
            counts.update_equal(here, codes)
            differs = np.flatnonzero((codes == DIFFERS) | (codes == NULL_HERE) | (codes == NULL_THERE))
            if differs.size:
                self._keep(name, rows, differs)
            if watch is not None:
                watch(name, here, codes)

    def merge(self, other: RowDifferences) -> None:
        """Add another's rows."""
        self.rows += other.rows
        self.unmatched += other.unmatched
        self.unmatched_examples.merge(other.unmatched_examples)
        numbers = self.slices.join(other.slices)
        self._grow()
        kept = np.flatnonzero(numbers[: len(other.rows_by_cluster)] >= 0)
        np.add.at(self.rows_by_cluster, numbers[kept], other.rows_by_cluster[kept])
        for name, counts in other.features.items():
            self.features.setdefault(name, FeatureCounts()).merge(counts, numbers, len(self.slices))
        for name, examples in other.examples.items():
            self.examples.setdefault(name, SmallestHashes(EXAMPLES)).merge(examples)

    def _add_rows(self, slices: Sequence[Cells], clusters: Cells) -> None:
        self._grow()
        for cells in (np.zeros(clusters.size, dtype=np.int64), *slices):
            kept = cells >= 0
            places = (cells * CLUSTERS + clusters)[kept]
            found = np.bincount(places, minlength=self.rows_by_cluster.size)
            self.rows_by_cluster += found.reshape(self.rows_by_cluster.shape)

    def _grow(self) -> None:
        more = len(self.slices) - len(self.rows_by_cluster)
        if more > 0:
            added = np.zeros((more, CLUSTERS), dtype=np.int64)
            self.rows_by_cluster = np.concatenate((self.rows_by_cluster, added))

    def _keep(self, name: str, rows: PairedRows, differs: NDArray[np.int64]) -> None:
        columns = {"here": rows.here[name], "there": rows.there[name]}
        columns |= {"status": rows.statuses[name]} if name in rows.statuses else {}
        columns |= {"value_time": rows.value_times[name]} if name in rows.value_times else {}

        def taken(places: NDArray[np.int64]) -> pa.RecordBatch:
            kept = _taken(rows.beside, differs[places])
            for column, values in columns.items():
                kept = kept.append_column(f"@{column}", values.take(pa.array(differs[places])))
            return kept

        self.examples.setdefault(name, SmallestHashes(EXAMPLES)).add(rows.keys[differs], taken)


def _taken(batch: pa.RecordBatch, places: NDArray[np.int64]) -> pa.RecordBatch:
    return batch.take(pa.array(places))
