"""The first pass of a diff: one state that sees every batch of the scores table once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.diff.chunk import Chunk, ChunkBuffer, Column, decode, split_rejected
from replay.diff.comparison import compare_rows
from replay.diff.contribution import Judged, compact_columns, spread_columns
from replay.diff.packed import Packed
from replay.diff.score_state import ScoreState
from replay.diff.slices import CLUSTER_WIDTH, COUNTS_WIDTH, Plan, SliceTables
from replay.diff.spec import ONLINE, DiffSpec, VariantColumn
from replay.metrics.functional.terms import NUM_TERMS, row_loss
from replay.metrics.histogram import bits_to_float, ordered_bits
from replay.metrics.keyed import Sums
from replay.metrics.usable import Excluded

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


class DiffState(Packed):
    """Everything that a diff measures in one pass, as sums: picklable, and K merged shards equal one pass.

    A scenario's column holds a score only where the scenario touched the row. Its slices are kept as what it changes in
    its checkpoint's, so that twenty scenarios that touch few rows each cost little more than their checkpoint. Counts
    stay exact; a scenario's sums on a slice carry the rounding of its checkpoint's (1e-16 of the largest sum), which
    matters only where the checkpoint's scores are larger by many orders. Over all rows, sums are direct.

    Args:
        spec: What to read and how to judge.

    Attributes:
        rows: Rows with a replayed score; ``rejected`` counts the others by reason.
        no_time: Rows without a time; they are in no bucket.
        first_us: Earliest event time in microseconds, None before any.
        last_us: Latest.
        excluded: Rows that quality metrics can't use, whatever the score.
        scores: A state for the online score, then for each variant.
        slices: The sums of the slices.
    """

    def __init__(self, spec: DiffSpec) -> None:
        self.spec = spec
        self.rows = 0
        self.no_time = 0
        self.first_us: int | None = None
        self.last_us: int | None = None
        self.rejected: Counter[str] = Counter()
        self.excluded = Excluded()
        self.scores = {name: ScoreState(spec) for name in (ONLINE, *(variant.name for variant in spec.variants))}
        self.slices = SliceTables(spec, len(self.scores))
        self._buffer = ChunkBuffer()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the state reads, each once."""
        return self.spec.columns

    def update(self, batch: pa.RecordBatch) -> Self:
        """Add a batch of the scores table; it needs ``columns``, others are ignored."""
        self._buffer.add(batch.select(list(self.spec.columns)))
        if self._buffer.full:
            self.flush()
        return self

    def flush(self) -> Self:
        """Work through what is buffered; the other methods do so by themselves."""
        for table in self._buffer.drain():
            scored, rejected = split_rejected(table, self.spec)
            self.rejected.update(rejected)
            if scored.num_rows:
                # Sums of scores near 1e308 overflow; what is computed from them then says so.
                with np.errstate(over="ignore", invalid="ignore"):
                    self._add(decode(scored, self.spec))
        return self

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
        self._see_times(other.first_us, other.last_us)
        self.rejected.update(other.rejected)
        self.excluded.add(other.excluded)
        for name, state in self.scores.items():
            state.merge(other.scores[name])
        self.slices.merge(other.slices)
        return self

    def _see_times(self, first: int | None, last: int | None) -> None:
        starts = [moment for moment in (self.first_us, first) if moment is not None]
        ends = [moment for moment in (self.last_us, last) if moment is not None]
        self.first_us, self.last_us = min(starts, default=None), max(ends, default=None)

    def _add(self, chunk: Chunk) -> None:
        self.rows += chunk.rows
        self.excluded.add(chunk.excluded)
        if chunk.time_us is not None:
            moments = chunk.time_us.values[chunk.time_us.valid]
            self.no_time += chunk.rows - moments.size
            if moments.size:
                self._see_times(int(moments.min()), int(moments.max()))
        plans, values = self.slices.place(chunk)
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
        self.num_judged = int(np.count_nonzero(chunk.judged))
        self.sums: list[list[Sums]] = [[] for _ in plans]
        self.columns: dict[str, Column] = {}
        self.judged: dict[str, Judged] = {}

    def run(self) -> None:
        """Add the online score, then the baseline (the others are compared with it), then the rest in order."""
        baseline = next(variant for variant in self.spec.variants if variant.name == self.spec.baseline)
        self.columns[baseline.name] = self.chunk.scores(baseline.column)
        self._add_online()
        self._judge(baseline)
        for place, variant in enumerate(self.spec.variants, start=1):
            rows = self._judge(variant)
            state = self.state.scores[variant.name]
            column, judged = self.columns[variant.name], self.judged[variant.name]
            state.add(column, judged, self.judged[baseline.name], self.num_judged)
            before = None
            if variant.checkpoint is not None:
                before = (self.columns[variant.checkpoint], self.judged[variant.checkpoint])
                self._add_histograms(place, state, *before, rows, sign=-1.0)
            self._add_histograms(place, state, column, judged, rows)
            self._sum(judged, None if before is None else before[1], rows)
        for plan, sums in zip(self.plans, self.sums, strict=True):
            rows_by_cell = np.bincount(plan.cells.of_row, minlength=plan.cells.count)[:, None]
            self.state.slices.add(plan, sums, rows_by_cell.astype(np.float64))

    def _add_online(self) -> None:
        state = self.state.scores[ONLINE]
        column = self.chunk.online
        judged = self._terms(column, None)
        state.rows_scored += int(np.count_nonzero(column.valid))
        state.add(column, judged, None, self.num_judged)
        self._add_histograms(0, state, column, judged, None)
        self._sum(judged, None, None)

    def _judge(self, variant: VariantColumn) -> Codes | None:
        """Fill in and compare a variant; returns the rows that a scenario touched, None for a checkpoint."""
        if variant.name in self.judged:
            return None
        column = self.columns.get(variant.name) or self.chunk.scores(variant.column)
        rows: Codes | None = None
        self.state.scores[variant.name].rows_scored += int(np.count_nonzero(column.valid))
        if variant.checkpoint is not None:
            rows = np.flatnonzero(column.valid)
            clean = self.columns[variant.checkpoint]
            column = Column(np.where(column.valid, column.values, clean.values), column.valid | clean.valid)
        self.columns[variant.name] = column
        like = None if variant.checkpoint is None else self.judged[variant.checkpoint]
        self.judged[variant.name] = self._terms(column, like, rows, compared=True)
        return rows

    def _terms(
        self, column: Column, like: Judged | None, rows: Codes | None = None, *, compared: bool = False
    ) -> Judged:
        """Prepare a column. A scenario's is a copy of its checkpoint's terms but for the rows that it touched."""
        chunk = self.chunk
        if like is None or rows is None:
            terms, used, outside = self._terms_of(column.values, column.valid, slice(None))
        else:
            terms, used, outside = like.terms.copy(), like.used.copy(), like.outside.copy()
            if self.labelled:
                terms[:, rows], used[rows], outside[rows] = self._terms_of(
                    column.values[rows], column.valid[rows], rows
                )
        on_online = on_baseline = None
        if compared:
            reference, tolerance = self.columns[self.spec.baseline], self.spec.tolerance
            online = chunk.online
            on_online = compare_rows(column.values, column.valid, online.values, online.valid, tolerance)
            on_baseline = compare_rows(column.values, column.valid, reference.values, reference.valid, tolerance)
        return Judged(terms, used, outside, self.spec.weight is not None, on_online, on_baseline)

    def _terms_of(self, values: Array, valid: NDArray[np.bool_], rows: Any) -> tuple[Array, Any, Any]:
        """Terms, usable rows and rows outside [0, 1] of some rows of the chunk."""
        if not self.labelled:
            nothing = np.zeros(values.size, dtype=bool)
            return np.zeros((NUM_TERMS, 0)), nothing, nothing
        used = self.chunk.judged[rows] & valid & np.isfinite(values)
        score = values if used.all() else np.where(used, values, 0.0)
        label = self.chunk.label[rows]
        terms = np.stack((np.ones_like(score), label, score, row_loss(score, label)))
        if self.chunk.weight is not None:
            terms *= self.chunk.weight[rows]
        if score is not values:
            terms *= used
        return terms, used, (score < 0) | (score > 1)

    def _add_histograms(
        self, place: int, state: ScoreState, column: Column, judged: Judged, rows: Codes | None, sign: float = 1.0
    ) -> None:
        chunk = self.chunk
        finite = column.valid & np.isfinite(column.values)
        picked = np.flatnonzero(finite) if rows is None else rows[finite[rows]]
        if picked.size == chunk.rows:
            scores, used, label = column.values, judged.used, chunk.label
        else:
            scores, used, label = column.values[picked], judged.used[picked], chunk.label[picked]
        weight = None if chunk.weight is None else np.where(used, chunk.weight[picked], 1.0)
        bits = ordered_bits(scores)
        rounded = not bool(np.array_equal(bits_to_float(bits), scores))
        state.histogram.add_bits(bits, np.where(used, label, 2.0), weight, sign=sign, rounded=rounded)
        if not self.labelled or not self.values:
            return
        if not used.all():
            picked, bits, label = picked[used], bits[used], label[used]
            weight = None if weight is None else weight[used]
        for histogram, codes in zip(self.state.slices.histograms[place], self.values, strict=True):
            histogram.add_bits(bits, label, weight, codes[picked], sign=sign, rounded=rounded)

    def _sum(self, judged: Judged, before: Judged | None, rows: Codes | None) -> None:
        for plan, sums in zip(self.plans, self.sums, strict=True):
            added = self._columns(plan, judged, rows)
            if before is not None:
                taken = self._columns(plan, before, rows)
                added = [np.subtract(new, old, dtype=np.float64) for new, old in zip(added, taken, strict=True)]
            found = plan.cells.sum(added, rows)
            if plan.kind == "full":
                found = spread_columns(found, labelled=self.labelled, weighted=judged.weighted)
            else:
                width = CLUSTER_WIDTH if plan.kind == "cluster" else COUNTS_WIDTH
                start = NUM_TERMS if plan.kind == "cluster" and not self.labelled else 0
                padded = np.zeros((found.shape[0], width))
                padded[:, start : start + found.shape[1]] = found
                found = padded
            sums.append(found)

    def _columns(self, plan: Plan, judged: Judged, rows: Codes | None) -> Sequence[NDArray[Any]]:
        if plan.kind == "full":
            return compact_columns(judged, rows, labelled=self.labelled)
        columns: list[NDArray[Any]] = []
        if plan.kind == "cluster" and self.labelled:
            columns = list(judged.terms if rows is None else judged.terms[:, rows])
        for found in (judged.on_online, judged.on_baseline):
            if found is not None:
                columns += [part if rows is None else part[rows] for part in (found.compared, found.mismatched)]
        return columns
