"""The sums of every slice: by segment value, by time bucket, by both, and by hashed cluster within them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from replay.diff.chunk import Chunk, Column
from replay.diff.slices.axis import OTHER, TimeAxis, ValueAxis
from replay.diff.slices.cells import PAIR_LOW, PAIR_SHIFT, SliceCells, find_cells
from replay.diff.slices.contribution import AGAINST_BASELINE, AGAINST_ONLINE, NUM_TERMS, WIDTH
from replay.diff.spec import DiffSpec
from replay.metrics.cluster import CLUSTERS
from replay.metrics.histogram import Histogram
from replay.metrics.keyed import KeyedSums, Keys, Sums

Codes = NDArray[np.int64]
Kind = Literal["full", "counts", "cluster"]

SLICE_CLUSTERS = 64
"""Random groups of an estimate on one slice: 63 degrees of freedom make an interval 2% wider than with many."""
CLUSTER_WIDTH = NUM_TERMS + 6
"""The terms, compared and mismatched against online and the baseline, finite pairs with online, their differences."""
COUNTS_WIDTH = 4
"""Compared and mismatched against online and against the baseline."""

_COUNTS = [AGAINST_ONLINE, AGAINST_ONLINE + 1, AGAINST_BASELINE, AGAINST_BASELINE + 1]
_WIDTHS: dict[Kind, int] = {"full": WIDTH, "counts": COUNTS_WIDTH, "cluster": CLUSTER_WIDTH}
_MAX_FINE_CELLS = 8192


@dataclass(frozen=True, slots=True)
class SliceTarget:
    """A table that cells roll up to.

    Attributes:
        table: Its name in ``SliceTables.tables``.
        kind: What its rows hold.
        dimension: Dimension of the cells in the key's high half.
        by: Dimension in the low half, or None.
    """

    table: str
    kind: Kind
    dimension: int
    by: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Cells of a chunk, the columns to sum over them, and where the sums go."""

    cells: SliceCells
    kind: Kind
    targets: tuple[SliceTarget, ...]


class SliceTables:
    """Mergeable sums of all slices, all scores side by side.

    Args:
        spec: The diff.
        scores: Number of columns of scores: the online score, then the variants.

    Attributes:
        axes: One for each segment.
        time: The time axis, or None.
        tables: Rows by (high, low) key: ``value.i``: (value of segment i, 0); ``bucket``: (bucket, 0);
            ``value.i.bucket``: (value, bucket); ``cluster``, ``value.i.cluster``, ``bucket.cluster``: (0, value or
            bucket; hashed cluster). The first column of a row is its number of rows, then come the scores' columns.
        histograms: For each score and segment: scores of labelled rows by label, the groups being values.
    """

    def __init__(self, spec: DiffSpec, scores: int) -> None:
        self.axes = [ValueAxis(spec.max_values) for _ in spec.segments]
        self.time = None if spec.time is None else TimeAxis(spec.bucket_us, spec.max_buckets)
        self.kinds = dict(self._layout(spec))
        self.tables = {name: KeyedSums(1 + scores * _WIDTHS[kind]) for name, kind in self.kinds.items()}
        labelled = spec.label is not None
        weighted = spec.weight is not None
        self.histograms = [
            [Histogram(2, weighted=weighted, max_bins=spec.slice_bins, grouped=True) for _ in self.axes if labelled]
            for _ in range(scores)
        ]

    @staticmethod
    def _layout(spec: DiffSpec) -> Iterator[tuple[str, Kind]]:
        values = [f"value.{place}" for place in range(len(spec.segments))]
        slices = [*values, "bucket"] if spec.time is not None else values
        yield from ((name, "full") for name in slices)
        if spec.time is not None:
            yield from ((f"{name}.bucket", "counts") for name in values)
        if spec.group is not None:
            yield "cluster", "cluster"
            yield from ((f"{name}.cluster", "cluster") for name in slices)

    def place(self, chunk: Chunk) -> tuple[list[Plan], list[Codes]]:
        """Give every row its place; new values and buckets are admitted.

        Returns:
            What to sum over which cells, and the segments' codes by row.
        """
        codes = [self._admit_values(axis, segment) for axis, segment in enumerate(chunk.segments)]
        dimensions = [(found, len(axis)) for found, axis in zip(codes, self.axes, strict=True)]
        if self.time is not None and chunk.time_us is not None:
            dimensions.append((self._admit_times(chunk.time_us), len(self.time)))
        plans = list(self._slice_plans(dimensions, chunk.rows))
        if chunk.cluster is not None:
            plans += self._cluster_plans(dimensions, chunk.cluster)
        return plans, codes

    def _slice_plans(self, dimensions: Sequence[tuple[Codes, int]], rows: int) -> Iterator[Plan]:
        if not dimensions:
            return
        full = [SliceTarget(self._name(place), "full", place, None) for place in range(len(dimensions))]
        last = len(dimensions) - 1
        pairs = [
            SliceTarget(f"value.{place}.bucket", "counts", place, last)
            for place in range(last)
            if self.time is not None
        ]
        fine = find_cells(dimensions, rows)
        if fine.count <= _MAX_FINE_CELLS:
            yield Plan(fine, "full", (*full, *pairs))
            return
        for place, target in enumerate(full):
            cells = find_cells([dimensions[place]], rows)
            yield Plan(cells, "full", (SliceTarget(target.table, "full", 0, None),))
        for place, target in enumerate(pairs):
            cells = find_cells([dimensions[place], dimensions[last]], rows)
            yield Plan(cells, "counts", (SliceTarget(target.table, "counts", 0, 1),))

    def _cluster_plans(self, dimensions: Sequence[tuple[Codes, int]], cluster: Codes) -> Iterator[Plan]:
        whole: Codes = np.zeros(cluster.size, dtype=np.int64)
        cells = find_cells([(whole, 1), (cluster, CLUSTERS)], cluster.size)
        yield Plan(cells, "cluster", (SliceTarget("cluster", "cluster", 0, 1),))
        few = cluster % SLICE_CLUSTERS
        for place, dimension in enumerate(dimensions):
            cells = find_cells([dimension, (few, SLICE_CLUSTERS)], cluster.size)
            yield Plan(cells, "cluster", (SliceTarget(f"{self._name(place)}.cluster", "cluster", 0, 1),))

    def _name(self, axis: int) -> str:
        return f"value.{axis}" if axis < len(self.axes) else "bucket"

    def add(self, plan: Plan, by_score: Sequence[Sums], rows: Sums) -> None:
        """Add a plan's sums.

        Args:
            plan: From ``place``.
            by_score: For each score ``(num_cells, width of the plan's kind)``.
            rows: Rows by cell, ``(num_cells, 1)``.
        """
        wide = np.concatenate((rows, *by_score), axis=1)
        for target in plan.targets:
            if target.kind == plan.kind:
                columns = wide
            else:
                columns = np.concatenate((rows, *(sums[:, _COUNTS] for sums in by_score)), axis=1)
            keys, sums = plan.cells.roll_up(columns, target.dimension, target.by)
            self.tables[target.table].add(keys, sums)

    def _admit_values(self, axis: int, segment: Any) -> Codes:
        values = self.axes[axis]
        remap = values.admit([value for value in segment.values if value is not None])
        if remap is not None:
            self._recode(axis, remap)
        codes: Codes = values.codes(segment.values)[segment.codes]
        return codes

    def _admit_times(self, column: Column) -> Codes:
        time = self.time
        if time is None:
            raise ValueError("the diff has no time column")
        codes: Codes = np.zeros(column.valid.size, dtype=np.int64)
        moments = column.values if column.valid.all() else column.values[column.valid]
        if moments.size == 0:
            return codes
        remap = time.admit(_distinct(time.index_of(moments))[0].tolist())
        if remap is not None:
            self._recode(len(self.axes), remap)
        found, place = _distinct(time.index_of(moments))
        codes[column.valid] = time.codes(found)[place]
        return codes

    def _recode(self, axis: int, remap: Codes) -> None:
        """Follow an axis whose codes changed."""
        maps = {axis: remap}
        for name, table in self.tables.items():
            table.rekey(self._translate(name, table.keys, maps))
        if axis < len(self.axes):
            for histograms in self.histograms:
                if histograms:
                    histograms[axis].regroup(remap)

    def _translate(self, table: str, keys: Keys, maps: Mapping[int, Codes]) -> Keys:
        """Keys of a table under other codes, given for some axes: ``(num_codes,)``, new by old."""
        high, low = (keys >> PAIR_SHIFT).astype(np.int64), (keys & PAIR_LOW).astype(np.int64)
        first, second = self._axes_of(table)
        if first in maps:
            high = maps[first][high]
        if second in maps:
            low = maps[second][low]
        return (high.astype(np.uint64) << PAIR_SHIFT) | low.astype(np.uint64)

    def _axes_of(self, table: str) -> tuple[int, int]:
        """Axes in the high and the low half of a table's keys; -1 where there is none."""
        parts = table.split(".")
        time = len(self.axes)
        high = {"value": int(parts[1]) if parts[0] == "value" else -1, "bucket": time}.get(parts[0], -1)
        return high, time if parts[-1] == "bucket" and len(parts) > 1 else -1

    def merge(self, other: SliceTables) -> None:
        """Add another's sums; ``other`` stays as it is."""
        maps = {axis: self._merge_values(axis, theirs) for axis, theirs in enumerate(other.axes)}
        if self.time is not None and other.time is not None:
            maps[len(self.axes)] = self._merge_times(self.time, other.time)
        for name, table in other.tables.items():
            self.tables[name].add(other._translate(name, table.keys, maps), table.sums)
        for ours, theirs_too in zip(self.histograms, other.histograms, strict=True):
            for axis, (mine, yours) in enumerate(zip(ours, theirs_too, strict=True)):
                mine.merge(yours, groups=maps[axis])

    def _merge_values(self, axis: int, theirs: ValueAxis) -> Codes:
        ours = self.axes[axis]
        remap = ours.admit(theirs.values)
        if remap is not None:
            self._recode(axis, remap)
        ours.overflowed = ours.overflowed or theirs.overflowed
        return np.concatenate(([OTHER, 1], ours.codes(theirs.values)))

    def _merge_times(self, ours: TimeAxis, theirs: TimeAxis) -> Codes:
        place = len(self.axes)
        remap = ours.widen_to(theirs.doublings)
        if remap is not None:
            self._recode(place, remap)
        remap = ours.admit([index >> (ours.doublings - theirs.doublings) for index in theirs.indices])
        if remap is not None:
            self._recode(place, remap)
        moved = np.array([index >> (ours.doublings - theirs.doublings) for index in theirs.indices], dtype=np.int64)
        return np.concatenate(([0], ours.codes(moved)))


def _distinct(values: Codes) -> tuple[Codes, Codes]:
    """Distinct values in order, and the place of each row among them; no sort where the values lie close together."""
    low = int(values.min())
    span = int(values.max()) - low + 1
    if span > 4 * max(values.size, 1024):
        found, place = np.unique(values, return_inverse=True)
        return found, place
    offset = values - low
    seen = np.zeros(span, dtype=bool)
    seen[offset] = True
    return np.flatnonzero(seen) + low, (np.cumsum(seen) - 1)[offset]
