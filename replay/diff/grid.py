"""The first pass of a diff: one state that sees every batch of the scores table once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from replay.diff.chunk import Chunk, Column
from replay.diff.chunked_state import ChunkedState
from replay.diff.comparison import compare_rows
from replay.diff.score_state import ScoreState, ScoreSums
from replay.diff.slices.contribution import NUM_TERMS, Judged, compact_columns, spread_columns, take_terms
from replay.diff.slices.tables import CLUSTER_WIDTH, COUNTS_WIDTH, Kind, Plan, SliceTables
from replay.diff.spec import ONLINE, DiffSpec, VariantColumn
from replay.metrics.histogram import ordered_bits
from replay.metrics.keyed import Sums
from replay.metrics.ratio.totals import row_terms
from replay.metrics.terms import outside_unit
from replay.metrics.usable import Excluded

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


class DiffState(ChunkedState):
    """Everything that a diff measures in one pass, as sums: picklable, and K merged shards equal one pass.

    A scenario's column holds a score only where the scenario touched the row. Its slices are kept as what it changes in
    its checkpoint's, so that twenty scenarios that touch few rows each cost little more than their checkpoint. Counts
    stay exact; a scenario's sums on a slice carry the rounding of its checkpoint's (1e-16 of the largest sum), which
    matters only where the checkpoint's scores are larger by many orders. Over all rows, what the untouched ones add is
    taken from the checkpoint's sums only where that costs no digits.

    Args:
        spec: What to read and how to judge.

    Attributes:
        rows: Rows with a replayed score; ``rejected`` counts the others by reason.
        no_time: Rows without a time; they are in no bucket.
        no_group: Rows whose group is null.
        first_us: Earliest event time in microseconds, None before any.
        last_us: Latest.
        excluded: Rows that quality metrics can't use, whatever the score.
        scores: A state for the online score, then for each variant.
        slices: The sums of the slices.
    """

    def __init__(self, spec: DiffSpec) -> None:
        super().__init__(spec)
        self.rows = 0
        self.no_time = 0
        self.no_group = 0
        self.first_us: int | None = None
        self.last_us: int | None = None
        self.rejected: Counter[str] = Counter()
        self.excluded = Excluded()
        self.scores = {name: ScoreState(spec) for name in (ONLINE, *(variant.name for variant in spec.variants))}
        self.slices = SliceTables(spec, len(self.scores))

    def _reject(self, rejected: Mapping[str, int]) -> None:
        self.rejected.update(rejected)

    def merge(self, other: Self) -> Self:
        """Add another state of the same spec; what ``other`` measures stays as it is.

        Raises:
            ValueError: The specs differ.
        """
        if self.spec != other.spec:
            raise ValueError("found states of two specs, expected one: sums of different diffs don't add up")
        self.flush()
        other.flush()
        self.rows += other.rows
        self.no_time += other.no_time
        self.no_group += other.no_group
        self._see_times(other.first_us, other.last_us)
        self.rejected.update(other.rejected)
        self.excluded.add(other.excluded)
        for name, state in self.scores.items():
            state.merge(other.scores[name])
            state.histogram.merge(other.scores[name].histogram)
        self.slices.merge(other.slices)
        return self

    def _see_times(self, first: int | None, last: int | None) -> None:
        starts = [moment for moment in (self.first_us, first) if moment is not None]
        ends = [moment for moment in (self.last_us, last) if moment is not None]
        self.first_us, self.last_us = min(starts, default=None), max(ends, default=None)

    def _add(self, chunk: Chunk) -> None:
        self.rows += chunk.rows
        self.no_group += chunk.no_group
        self.excluded.add(chunk.excluded)
        if chunk.time_us is not None:
            moments = chunk.time_us.values[chunk.time_us.valid]
            self.no_time += chunk.rows - moments.size
            if moments.size:
                self._see_times(int(moments.min()), int(moments.max()))
        plans, values = self.slices.place(chunk)
        # Sums of scores near 1e308 overflow; what is computed from them then says so.
        with np.errstate(over="ignore", invalid="ignore"):
            _ChunkPass(self, chunk, plans, values).run()


class _ChunkPass:
    """One chunk's way into the sums: what the variants share is worked out once."""

    def __init__(self, state: DiffState, chunk: Chunk, plans: list[Plan], values: list[Codes]) -> None:
        self.state = state
        self.spec = state.spec
        self.chunk = chunk
        self.plans = plans
        self.values = values
        self.labelled = self.spec.label is not None
        self.sums: list[list[Sums]] = [[] for _ in plans]
        self.columns: dict[str, Column] = {}
        self.judged: dict[str, Judged] = {}
        self.added: dict[str, ScoreSums] = {}

    def run(self) -> None:
        """Add the online score, then all variants in order; the baseline is judged first: all are compared with it."""
        for variant in self.spec.variants:
            if variant.name == self.spec.baseline:
                self.columns[variant.name] = self.chunk.scores(variant.column)
        self._add_full(0, ONLINE, self.chunk.online, self._terms(self.chunk.online, None, compared=False))
        self.judged[self.spec.baseline] = self._terms(self.columns[self.spec.baseline], None)
        for place, variant in enumerate(self.spec.variants, start=1):
            if variant.checkpoint is None:
                self._add_checkpoint(place, variant)
            else:
                self._add_scenario(place, variant, variant.checkpoint)
        for plan, sums in zip(self.plans, self.sums, strict=True):
            rows_by_cell = np.bincount(plan.cells.of_row, minlength=plan.cells.count)[:, None]
            self.state.slices.add(plan, sums, rows_by_cell.astype(np.float64))

    def _add_checkpoint(self, place: int, variant: VariantColumn) -> None:
        if variant.name not in self.judged:
            self.columns[variant.name] = self.chunk.scores(variant.column)
            self.judged[variant.name] = self._terms(self.columns[variant.name], None)
        self._add_full(place, variant.name, self.columns[variant.name], self.judged[variant.name])

    def _add_full(self, place: int, name: str, column: Column, judged: Judged) -> None:
        """Add a score of every row."""
        state = self.state.scores[name]
        baseline = None if name == ONLINE else self.judged[self.spec.baseline].terms
        added = ScoreSums(self.spec).add(column, judged, baseline, self._num_judged(None))
        self.added[name] = added
        state.rows_scored += int(np.count_nonzero(column.valid))
        state.merge(added)
        self._add_histograms(place, state, column, judged, None)
        self._sum(judged, None, None)

    def _add_scenario(self, place: int, variant: VariantColumn, checkpoint: str) -> None:
        """Add what a scenario changes in its checkpoint: only the rows that it touched are looked at."""
        rows, column = self.chunk.sparse_scores(variant.column)
        clean, before = self.columns[checkpoint].take(rows), self.judged[checkpoint].take(rows)
        judged = self._terms(column, rows)
        state = self.state.scores[variant.name]
        state.rows_scored += rows.size
        same = checkpoint == self.spec.baseline
        baseline = before.terms if same else take_terms(self.judged[self.spec.baseline].terms, rows)
        taken, added = (self._sums_of(rows, *side, baseline) for side in ((clean, before), (column, judged)))
        state.merge(self._untouched(checkpoint, rows, taken))
        state.merge(added)
        self._add_histograms(place, state, clean, before, rows, sign=-1.0)
        self._add_histograms(place, state, column, judged, rows)
        self._sum(judged, before, rows)

    def _untouched(self, checkpoint: str, rows: Codes, taken: ScoreSums) -> ScoreSums:
        """The checkpoint's sums without some rows: by subtraction where that is precise, else of the other rows."""
        left = self.added[checkpoint].minus(taken)
        if left is not None:
            return left
        others = np.flatnonzero(np.bincount(rows, minlength=self.chunk.rows) == 0)
        baseline = take_terms(self.judged[self.spec.baseline].terms, others)
        judged = self.judged[checkpoint].take(others)
        return self._sums_of(others, self.columns[checkpoint].take(others), judged, baseline)

    def _sums_of(self, rows: Codes, column: Column, judged: Judged, baseline: Array) -> ScoreSums:
        return ScoreSums(self.spec).add(column, judged, baseline, self._num_judged(rows))

    def _num_judged(self, rows: Codes | None) -> int:
        return int(np.count_nonzero(self.chunk.judged if rows is None else self.chunk.judged[rows]))

    def _terms(self, column: Column, rows: Codes | None, *, compared: bool = True) -> Judged:
        """Prepare a column that holds some rows of the chunk; None for all."""
        terms, used, outside = self._terms_of(column.values, column.valid, slice(None) if rows is None else rows)
        on_online = on_baseline = None
        if compared:
            tolerance = self.spec.tolerance
            references = (self.chunk.online, self.columns[self.spec.baseline])
            online, baseline = (one if rows is None else one.take(rows) for one in references)
            on_online = compare_rows(column.values, column.valid, online.values, online.valid, tolerance)
            on_baseline = compare_rows(column.values, column.valid, baseline.values, baseline.valid, tolerance)
        return Judged(terms, used, outside, self.spec.weight is not None, on_online, on_baseline)

    def _terms_of(self, values: Array, valid: NDArray[np.bool_], rows: Any) -> tuple[Array, Any, Any]:
        """Terms, usable rows and rows outside [0, 1] of some rows of the chunk."""
        if not self.labelled:
            nothing = np.zeros(values.size, dtype=bool)
            return np.zeros((NUM_TERMS, 0)), nothing, nothing
        used = self.chunk.judged[rows] & valid & np.isfinite(values)
        score = values if used.all() else np.where(used, values, 0.0)
        weight = self.chunk.weight
        terms = row_terms(score, self.chunk.label[rows], None if weight is None else weight[rows])
        if score is not values:
            terms *= used
        return terms, used, outside_unit(score)

    def _add_histograms(
        self, place: int, state: ScoreState, column: Column, judged: Judged, rows: Codes | None, sign: float = 1.0
    ) -> None:
        """Add the finite scores of a column that holds some rows of the chunk; None for all."""
        chunk = self.chunk
        picked = np.flatnonzero(column.valid & np.isfinite(column.values))
        scores, used = column.values, judged.used
        if picked.size < scores.size:
            scores, used = scores[picked], used[picked]
            rows = picked if rows is None else rows[picked]
        label, weight = chunk.label, chunk.weight
        if rows is not None:
            label, weight = label[rows], None if weight is None else weight[rows]
        bits = ordered_bits(scores)
        weight = None if weight is None else np.where(used, weight, 1.0)
        state.histogram.add_bits(bits, np.where(used, label, 2.0), weight, sign=sign)
        if not self.labelled or not self.values:
            return
        judged_rows = rows
        if not used.all():
            judged_rows = np.flatnonzero(used) if rows is None else rows[used]
            bits, label = bits[used], label[used]
            weight = None if weight is None else weight[used]
        for histogram, codes in zip(self.state.slices.histograms[place], self.values, strict=True):
            groups = codes if judged_rows is None else codes[judged_rows]
            histogram.add_bits(bits, label, weight, groups, sign=sign)

    def _sum(self, judged: Judged, before: Judged | None, rows: Codes | None) -> None:
        kinds = dict.fromkeys(plan.kind for plan in self.plans)
        columns = {kind: self._columns(kind, judged, before) for kind in kinds}
        for plan, sums in zip(self.plans, self.sums, strict=True):
            found = plan.cells.sum(columns[plan.kind], rows)
            if plan.kind == "full":
                found = spread_columns(found, labelled=self.labelled, weighted=judged.weighted)
            else:
                width = CLUSTER_WIDTH if plan.kind == "cluster" else COUNTS_WIDTH
                start = NUM_TERMS if plan.kind == "cluster" and not self.labelled else 0
                padded = np.zeros((found.shape[0], width))
                padded[:, start : start + found.shape[1]] = found
                found = padded
            sums.append(found)

    def _columns(self, kind: Kind, judged: Judged, before: Judged | None) -> Sequence[NDArray[Any]]:
        """Columns to be summed for a kind of table; for a scenario, what its rows change in its checkpoint's."""
        if before is not None:
            pairs = zip(self._columns(kind, judged, None), self._columns(kind, before, None), strict=True)
            return [np.subtract(new, old, dtype=np.float64) for new, old in pairs]
        if kind == "full":
            return compact_columns(judged, labelled=self.labelled)
        columns: list[NDArray[Any]] = list(judged.terms) if kind == "cluster" and self.labelled else []
        for found in (judged.on_online, judged.on_baseline):
            if found is not None:
                columns += [found.compared, found.mismatched]
        if kind == "cluster" and judged.on_online is not None:
            columns += [judged.on_online.paired, judged.on_online.delta]
        return columns
