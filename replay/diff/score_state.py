"""The sums of one column of scores over all rows: a variant's, or the online score's."""

from __future__ import annotations

import math
from copy import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray

from replay.diff.chunk import Column
from replay.diff.comparison import ComparisonSums
from replay.diff.pair_moments import left_over
from replay.diff.slices.contribution import NUM_TERMS, Judged
from replay.diff.spec import DiffSpec
from replay.metrics.histogram import Histogram
from replay.metrics.ratio.totals import TermTotals, term_products
from replay.metrics.terms import num_clipped

Array = NDArray[np.float64]

SATURATED = 1e-6
"""A probability within this of 0 or of 1 is saturated; a score outside [0, 1] never is."""


class ScoreSums:
    """What is summed over rows of one column of scores, but for their histogram.

    Args:
        spec: The diff.

    Attributes:
        rows_scored: Rows with a score in the column itself; for a scenario, the rows that it touched.
        missing: Rows without a score, nor one of the checkpoint.
        non_finite: Rows whose score is NaN or infinite.
        saturated: Rows whose score is a probability within ``SATURATED`` of 0 or 1.
        low: Smallest finite score; infinity without any.
        high: Largest finite score.
        above_0: Smallest finite score above 0.
        below_1: Largest finite score below 1.
        used: Rows that quality metrics use.
        outside: Used rows whose score lies outside [0, 1].
        clipped: Used rows whose score was clipped for the logarithm.
        not_finite_judged: Rows with a label and weight, but no finite score.
        sums: ``(num_terms,)``: sums of the terms.
        moments: ``(num_terms, num_terms)``: sums of the terms' products.
        cross: ``(num_terms, num_terms)``: sums of products of these terms with the baseline's.
        on_online: Against the online score.
        on_baseline: Against the baseline.
    """

    def __init__(self, spec: DiffSpec) -> None:
        self.rows_scored = 0
        self.missing = 0
        self.non_finite = 0
        self.saturated = 0
        self.low = np.inf
        self.high = -np.inf
        self.above_0 = np.inf
        self.below_1 = -np.inf
        self.used = 0
        self.outside = 0
        self.clipped = 0
        self.not_finite_judged = 0
        self.sums = np.zeros(NUM_TERMS)
        self.moments = np.zeros((NUM_TERMS, NUM_TERMS))
        self.cross = np.zeros((NUM_TERMS, NUM_TERMS))
        self.on_online = ComparisonSums(spec.tolerance)
        self.on_baseline = ComparisonSums(spec.tolerance)

    def add(self, column: Column, judged: Judged, baseline: Array | None, num_judged: int) -> Self:
        """Add rows.

        Args:
            column: The scores, filled in.
            judged: The same, ready to be summed.
            baseline: ``(num_terms, num_rows)``: the baseline's terms; None for the online score.
            num_judged: Rows with a label and a weight.
        """
        self._add_stability(column)
        if num_judged:
            used = int(np.count_nonzero(judged.used))
            self.used += used
            self.not_finite_judged += num_judged - used
            self.outside += int(np.count_nonzero(judged.outside))
            scores = column.values
            self.clipped += num_clipped(scores if used == scores.size else scores[judged.used])
            with np.errstate(all="ignore"):
                self.sums += judged.terms.sum(axis=1)
                self.moments += term_products(judged.terms, judged.terms)
                if baseline is not None:
                    self.cross += term_products(judged.terms, baseline)
        if judged.on_online is not None:
            self.on_online.update_rows(judged.on_online)
        if judged.on_baseline is not None:
            self.on_baseline.update_rows(judged.on_baseline)
        return self

    def _add_stability(self, column: Column) -> None:
        present = int(np.count_nonzero(column.valid))
        finite = column.valid & np.isfinite(column.values)
        num_finite = int(np.count_nonzero(finite))
        self.missing += column.valid.size - present
        self.non_finite += present - num_finite
        values = column.values if num_finite == finite.size else column.values[finite]
        if values.size:
            low, high = float(values.min()), float(values.max())
            self.low, self.high = min(self.low, low), max(self.high, high)
            self.above_0 = min(self.above_0, low if low > 0 else float(values.min(where=values > 0, initial=np.inf)))
            self.below_1 = max(self.below_1, high if high < 1 else float(values.max(where=values < 1, initial=-np.inf)))
            self.saturated += _num_saturated(values)

    def totals(self, clusters: Array | None) -> TermTotals:
        """What ratio metrics take; ``clusters`` are the terms' sums by cluster, None where rows are independent."""
        return TermTotals(self.sums, self.moments, self.used, self.outside, clusters)

    def largest_logit(self) -> float | None:
        """The largest ``|log(p / (1 - p))|`` of the scores strictly inside (0, 1), saturated ones included.

        None where a finite score lies outside [0, 1], so that the scores are not probabilities, or none lies inside.
        """
        inside = [score for score in (self.above_0, self.below_1) if 0 < score < 1]
        if self.low < 0 or self.high > 1 or not inside:
            return None
        return max(abs(math.log(score) - math.log1p(-score)) for score in inside)

    def merge(self, other: ScoreSums) -> None:
        """Add another state; ``other`` stays as it is."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.above_0, self.below_1 = min(self.above_0, other.above_0), max(self.below_1, other.below_1)
        self.sums = self.sums + other.sums
        self.moments = self.moments + other.moments
        self.cross = self.cross + other.cross
        self.on_online.merge(other.on_online)
        self.on_baseline.merge(other.on_baseline)

    def minus(self, other: ScoreSums) -> ScoreSums | None:
        """What is left without some of the rows; None where that is not exact and has to be summed anew.

        Args:
            other: The rows to leave out; all of them are in this state.
        """
        on_online, on_baseline = self.on_online.minus(other.on_online), self.on_baseline.minus(other.on_baseline)
        extremes = any(getattr(self, name) == getattr(other, name) for name in _EXTREMES)
        moments = self.moments - other.moments
        if on_online is None or on_baseline is None or (extremes and math.isfinite(other.low)):
            return None
        if not left_over(moments.diagonal(), self.moments.diagonal()):
            return None
        left = copy(self)
        for name in _COUNTS:
            setattr(left, name, getattr(self, name) - getattr(other, name))
        left.sums, left.moments, left.cross = self.sums - other.sums, moments, self.cross - other.cross
        left.on_online, left.on_baseline = on_online, on_baseline
        return left


class ScoreState(ScoreSums):
    """What is kept of all rows of one column of scores.

    Args:
        spec: The diff.

    Attributes:
        histogram: Scores by class: negative, positive, not judged. A scenario's holds what it changes in its
            checkpoint's.
    """

    def __init__(self, spec: DiffSpec) -> None:
        super().__init__(spec)
        self.histogram = Histogram(3, weighted=spec.weight is not None, max_bins=spec.score_bins)


_EXTREMES = ("low", "high", "above_0", "below_1")
_COUNTS = (
    "rows_scored",
    "missing",
    "non_finite",
    "saturated",
    "used",
    "outside",
    "clipped",
    "not_finite_judged",
)


def _num_saturated(values: NDArray[np.float64]) -> int:
    low = (values >= 0) & (values <= SATURATED)
    high = (values >= 1 - SATURATED) & (values <= 1)
    return int(np.count_nonzero(low | high))
