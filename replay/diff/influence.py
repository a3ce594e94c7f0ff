"""The second pass of a diff: what each row adds to metrics of histograms, once the first pass knows these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from replay.diff.chunk import Chunk, Column
from replay.diff.chunked_state import ChunkedState, pack, unpack
from replay.diff.grid import DiffState
from replay.diff.spec import ONLINE, DiffSpec, VariantColumn
from replay.metrics.cluster import CLUSTERS
from replay.metrics.histogram import Bits, Histogram, ordered_bits
from replay.metrics.histogram_metric import histogram_metrics, why_not_two_classes
from replay.metrics.influence_table import InfluenceTable

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]

METRICS = histogram_metrics()
PLACES = {name: place for place, name in enumerate(METRICS)}
"""Column by cluster of the influence on each metric."""
USED = len(METRICS)
"""Column by cluster of the rows with a usable score."""
_CHANGED = [PLACES[name] for name, metric in METRICS.items() if metric.change is not None]


def filled_histogram(state: DiffState, name: str) -> Histogram:
    """Scores of a variant over all rows; a scenario's own histogram holds only what it changes in its checkpoint's."""
    checkpoints = {variant.name: variant.checkpoint for variant in state.spec.variants}
    checkpoint = checkpoints.get(name)
    own = state.flush().scores[name].histogram
    if checkpoint is None:
        return own
    return own.merged_with(state.scores[checkpoint].histogram)


@dataclass(frozen=True, slots=True)
class InfluencePlan:
    """What the second pass needs of the first. Picklable, to be broadcast.

    Attributes:
        spec: The diff.
        tables: For the online score and each variant with scores of both labels: influence on each metric by score and
            label.
    """

    spec: DiffSpec
    tables: Mapping[str, InfluenceTable]

    @classmethod
    def of(cls, state: DiffState) -> InfluencePlan:
        """Make it from the merged first pass."""
        tables = {}
        for name in state.scores:
            histogram = filled_histogram(state, name)
            if why_not_two_classes(histogram) is None:
                influences = [metric.read(histogram).influence for metric in METRICS.values()]
                tables[name] = InfluenceTable.of(histogram, *influences)
        return cls(state.spec, tables)

    @property
    def needed(self) -> bool:
        """Whether a second pass adds anything: clusters, or variants to be paired with the baseline."""
        others = [variant.name for variant in self.spec.variants if variant.name != self.spec.baseline]
        return bool(self.tables) and (self.spec.group is not None or any(name in self.tables for name in others))


@dataclass(frozen=True, slots=True)
class _Usable:
    """Scores as the tables look them up; ``(num_rows,)`` each.

    Attributes:
        mask: Rows with a label, a weight and a finite score.
        bits: ``ordered_bits`` of the scores.
    """

    mask: Mask
    bits: Bits

    @classmethod
    def of(cls, column: Column, judged: Mask) -> _Usable:
        """Of a column, and the rows with a label and a weight."""
        return cls(judged & column.valid & np.isfinite(column.values), ordered_bits(column.values))

    def replaced(self, rows: Codes, others: _Usable) -> _Usable:
        """A copy in which some rows have other scores."""
        mask, bits = self.mask.copy(), self.bits.copy()
        mask[rows], bits[rows] = others.mask, others.bits
        return _Usable(mask, bits)


class InfluenceState(ChunkedState):
    """Sums of influences: by hashed cluster, or of the squared difference from the baseline's row by row.

    Args:
        plan: From the first pass over the same rows.

    Attributes:
        by_cluster: For each score, ``(CLUSTERS, num_metrics + 1)``: the metrics by ``PLACES``, and ``USED``; empty
            without a group.
        paired_squares: For each variant, ``(num_metrics, 2)`` by label: squared difference from the baseline's
            influence, of metrics whose change is measured; empty with a group.
    """

    def __init__(self, plan: InfluencePlan) -> None:
        # The second pass reads no slices.
        super().__init__(replace(plan.spec, segments=(), time=None))
        self.plan = plan
        self.by_cluster: dict[str, Array] = {}
        self.paired_squares: dict[str, Array] = {}
        if plan.spec.group is not None:
            self.by_cluster = {name: np.zeros((CLUSTERS, USED + 1)) for name in plan.tables}
        elif plan.spec.baseline in plan.tables:
            self.paired_squares = {name: np.zeros((len(METRICS), 2)) for name in plan.tables}

    def merge(self, other: Self) -> Self:
        """Add another state of the same plan; what ``other`` measures stays as it is."""
        self.flush()
        other.flush()
        self.by_cluster = {name: sums + other.by_cluster[name] for name, sums in self.by_cluster.items()}
        self.paired_squares = {name: sums + other.paired_squares[name] for name, sums in self.paired_squares.items()}
        return self

    def to_bytes(self) -> bytes:
        """Pack the sums, without the plan, for the way between our own processes."""
        self.flush()
        return pack((self.by_cluster, self.paired_squares))

    @classmethod
    def unpacked(cls, data: bytes, plan: InfluencePlan) -> InfluenceState:
        """Undo ``to_bytes`` of this very program; never feed it bytes of another origin."""
        state = cls(plan)
        state.by_cluster, state.paired_squares = unpack(data)
        return state

    def _add(self, chunk: Chunk) -> None:
        clean: dict[str, _Usable] = {}
        if ONLINE in self.plan.tables and chunk.cluster is not None:
            self._add_score(ONLINE, chunk, _Usable.of(chunk.online, chunk.judged), None)
        baseline: Array | None = None
        for variant in self._baseline_first():
            if variant.checkpoint is None:
                usable = clean[variant.name] = _Usable.of(chunk.scores(variant.column), chunk.judged)
            else:
                rows, column = chunk.sparse_scores(variant.column)
                usable = clean[variant.checkpoint].replaced(rows, _Usable.of(column, chunk.judged[rows]))
            if variant.name in self.plan.tables:
                influence = self._add_score(variant.name, chunk, usable, baseline)
                baseline = influence if variant.name == self.spec.baseline else baseline

    def _baseline_first(self) -> list[VariantColumn]:
        return sorted(self.spec.variants, key=lambda variant: variant.name != self.spec.baseline)

    def _add_score(self, name: str, chunk: Chunk, usable: _Usable, baseline: Array | None) -> Array:
        """Add one column of scores; returns its rows' influence, ``(num_rows, num_metrics)``."""
        used = usable.mask
        influence = self.plan.tables[name].influence_of_bits(used, usable.bits, chunk.label, chunk.weight)
        if chunk.cluster is not None:
            sums = self.by_cluster[name]
            for place in PLACES.values():
                sums[:, place] += np.bincount(chunk.cluster, weights=influence[:, place], minlength=CLUSTERS)
            sums[:, USED] += np.bincount(chunk.cluster[used], minlength=CLUSTERS)
        elif baseline is not None:
            label = chunk.label.astype(np.int64)
            for place in _CHANGED:
                squares = (baseline[:, place] - influence[:, place]) ** 2
                self.paired_squares[name][place] += np.bincount(label, weights=squares, minlength=2)
        return influence
