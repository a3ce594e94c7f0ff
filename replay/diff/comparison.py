"""Replayed scores against a reference: a mergeable state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from replay.config.sections.diff import Tolerance
from replay.diff.pair_moments import PairMoments, left_over
from replay.diff.tolerance import agrees
from replay.metrics.interval import wald, wilson
from replay.metrics.magnitude import DeltaHistogram
from replay.metrics.value import finite

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

NOTHING_COMPARED = "no row has both scores"
NO_FINITE_PAIR = "no row has two finite scores"
CONSTANT = "one side's scores are all the same"
TOO_LARGE = "the scores are too large for float64 sums"


@dataclass(frozen=True, slots=True)
class RowComparison:
    """Two columns of scores, compared row by row. All arrays are ``(num_rows,)``.

    Attributes:
        replayed: float64; anything where ``has_replayed`` is False.
        reference: float64; anything where ``has_reference`` is False.
        has_replayed: Whether there is a replayed score (not null). NaN is a score.
        has_reference: Whether there is a reference.
        compared: Both are there.
        mismatched: Compared and not in agreement. NaN agrees with nothing, so a NaN on either side is here.
        paired: Compared, and their difference is finite.
        delta: replayed - reference; 0 where not paired.
    """

    replayed: Array
    reference: Array
    has_replayed: Mask
    has_reference: Mask
    compared: Mask
    mismatched: Mask
    paired: Mask
    delta: Array

    def take(self, rows: NDArray[np.int64]) -> RowComparison:
        """Some of the rows."""
        return RowComparison(*(getattr(self, name)[rows] for name in self.__slots__))

    def joined(self, other: RowComparison) -> RowComparison:
        """These rows, then others."""
        return RowComparison(*(np.concatenate((getattr(self, name), getattr(other, name))) for name in self.__slots__))


def compare_rows(
    replayed: Array, has_replayed: Mask, reference: Array, has_reference: Mask, tolerance: Tolerance
) -> RowComparison:
    """Compare two float64 columns, each with the mask of its non-null rows."""
    compared = has_replayed & has_reference
    mismatched = compared & ~agrees(replayed, reference, tolerance)
    with np.errstate(all="ignore"):
        delta = replayed - reference
    paired = compared & np.isfinite(delta)
    if not paired.all():
        delta = np.where(paired, delta, 0.0)
    return RowComparison(replayed, reference, has_replayed, has_reference, compared, mismatched, paired, delta)


class ComparisonSums:
    """How far one column of scores is from another.

    Every row is counted somewhere: ``compared`` has both scores, the others are missing on one side or both. A NaN or
    an infinity is a score: it is compared, and a NaN, or an infinity on one side only, is a mismatch. Distances and
    the correlation are over pairs whose difference is finite.

    Args:
        tolerance: When two scores agree.

    >>> state = ComparisonSums(Tolerance(abs=0.1, rel=0)).update(np.array([0.5, 0.9]), np.array([0.5, 0.5]))
    >>> found = state.compute()
    >>> found["compared"], found["mismatched"], found["max_abs"], found["mean_delta"]
    (2, 1, 0.4, 0.2)
    """

    def __init__(self, tolerance: Tolerance) -> None:
        self.tolerance = tolerance
        self.rows = 0
        self.compared = 0
        self.mismatched = 0
        self.missing_reference = 0
        self.missing_replayed = 0
        self.missing_both = 0
        self.rows_changed = 0
        self.non_finite_reference = 0
        self.non_finite_replayed = 0
        self.nan_both = 0
        self.abs_sum = 0.0
        self.delta_sum = 0.0
        self.delta_squares = 0.0
        self.max_abs = 0.0
        self.deltas = DeltaHistogram()
        self.pairs = PairMoments()

    def update(
        self,
        replayed: NDArray[Any],
        reference: NDArray[Any],
        has_replayed: Mask | None = None,
        has_reference: Mask | None = None,
    ) -> Self:
        """Add rows.

        Args:
            replayed: ``(num_rows,)``.
            reference: ``(num_rows,)``.
            has_replayed: ``(num_rows,)``, False where the replayed score is null; None: none is.
            has_reference: The same for the reference.
        """
        everywhere = np.ones(len(replayed), dtype=bool)
        return self.update_rows(
            compare_rows(
                np.asarray(replayed, dtype=np.float64),
                everywhere if has_replayed is None else has_replayed,
                np.asarray(reference, dtype=np.float64),
                everywhere if has_reference is None else has_reference,
                self.tolerance,
            )
        )

    def update_rows(self, rows: RowComparison) -> Self:
        """Add rows that are already compared."""
        self.rows += rows.compared.size
        compared = int(np.count_nonzero(rows.compared))
        replayed, reference = int(np.count_nonzero(rows.has_replayed)), int(np.count_nonzero(rows.has_reference))
        self.compared += compared
        self.missing_reference += replayed - compared
        self.missing_replayed += reference - compared
        self.missing_both += rows.compared.size - replayed - reference + compared
        self.mismatched += int(np.count_nonzero(rows.mismatched))
        # A difference is 0 only between equal numbers: where they are too close for it, it is subnormal.
        self.rows_changed += int(np.count_nonzero(rows.delta))
        if int(np.count_nonzero(rows.paired)) == rows.compared.size:
            self._add_pairs(rows.replayed, rows.reference, rows.delta)
        else:
            self._count_non_finite(rows)
            self._add_pairs(rows.replayed[rows.paired], rows.reference[rows.paired], rows.delta[rows.paired])
        return self

    def _count_non_finite(self, rows: RowComparison) -> None:
        replayed, reference = rows.replayed[rows.compared], rows.reference[rows.compared]
        self.non_finite_replayed += int(np.count_nonzero(~np.isfinite(replayed)))
        self.non_finite_reference += int(np.count_nonzero(~np.isfinite(reference)))
        nan_both = int(np.count_nonzero(np.isnan(replayed) & np.isnan(reference)))
        same_infinity = np.count_nonzero(np.isinf(replayed) & (replayed == reference))
        self.nan_both += nan_both
        unpaired = int(np.count_nonzero(rows.compared)) - int(np.count_nonzero(rows.paired))
        self.rows_changed += unpaired - nan_both - int(same_infinity)

    def _add_pairs(self, replayed: Array, reference: Array, delta: Array) -> None:
        if delta.size == 0:
            return
        magnitudes = np.abs(delta)
        with np.errstate(over="ignore"):
            self.abs_sum += float(magnitudes.sum())
            self.delta_sum += float(delta.sum())
            self.delta_squares += float(delta @ delta)
        self.max_abs = max(self.max_abs, float(magnitudes.max()))
        self.deltas.add(delta)
        self.pairs.add(replayed, reference)

    def merge(self, other: Self) -> Self:
        """Add another state of the same tolerance; ``other`` stays as it is."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rows += other.rows
        self.abs_sum += other.abs_sum
        self.delta_sum += other.delta_sum
        self.delta_squares += other.delta_squares
        self.max_abs = max(self.max_abs, other.max_abs)
        self.deltas.merge(other.deltas)
        self.pairs.merge(other.pairs)
        return self

    def minus(self, other: Self) -> Self | None:
        """What is left without some of the rows; None where that is not exact and has to be summed anew.

        Args:
            other: The rows to leave out; all of them are in this state.
        """
        left = type(self)(self.tolerance)
        for name in _COUNTS:
            setattr(left, name, getattr(self, name) - getattr(other, name))
        left.rows = self.rows - other.rows
        left.abs_sum, left.delta_sum = self.abs_sum - other.abs_sum, self.delta_sum - other.delta_sum
        left.delta_squares = self.delta_squares - other.delta_squares
        left.max_abs = self.max_abs
        left.deltas.counts = self.deltas.counts - other.deltas.counts
        pairs = self.pairs.minus(other.pairs)
        if pairs is None or 0 < self.max_abs == other.max_abs:
            return None
        if not (left_over(left.abs_sum, self.abs_sum) and left_over(left.delta_squares, self.delta_squares)):
            return None
        left.pairs = pairs
        return left

    def compute(self, *, design_effect: float = 1.0, degrees: float = math.inf) -> dict[str, Any]:
        """The comparison as it stands in ``summary.json``, and what was not compared.

        Args:
            design_effect: Of rows that are not independent, for the interval of the mismatch rate.
            degrees: Degrees of freedom of it.

        Returns:
            ``compared``, ``mismatched``, ``mismatch_rate``, ``mean_abs``, ``p50_abs``, ``p99_abs`` (within 0.4%),
            ``max_abs``, ``mean_delta``, ``p1_delta``, ``p50_delta``, ``p99_delta`` (within 0.4%), ``correlation``
            (Pearson); the counts ``rows_changed`` (compared, and not equal), ``missing_*``, ``non_finite_*`` and
            ``nan_both``; ``mismatch_rate_low`` and ``_high`` (Wilson); ``reasons``: why a value is None, by its key.
        """
        pairs = self.pairs.count
        low, high = wilson(self.mismatched, self.compared, design_effect=design_effect, degrees=degrees)
        values: dict[str, float | None] = {
            "mismatch_rate": self.mismatched / self.compared if self.compared else None,
            "mean_abs": finite(self.abs_sum / pairs) if pairs else None,
            "p50_abs": self._quantile(0.5),
            "p99_abs": self._quantile(0.99),
            "max_abs": self.max_abs if pairs else None,
            "mean_delta": finite(self.delta_sum / pairs) if pairs else None,
            "p1_delta": self._delta_quantile(0.01),
            "p50_delta": self._delta_quantile(0.5),
            "p99_delta": self._delta_quantile(0.99),
            "correlation": self.pairs.correlation(),
        }
        reasons = {name: self._reason(name) for name, value in values.items() if value is None}
        counts = {name: getattr(self, name) for name in _COUNTS}
        interval = {"mismatch_rate_low": low, "mismatch_rate_high": high}
        return {**counts, **values, **interval, "reasons": reasons}

    def mean_interval(self, clustered: tuple[float, float] | None = None) -> dict[str, float | None]:
        """The 95% interval of the mean difference.

        Args:
            clustered: Variance of the mean over clusters of rows, with its degrees of freedom; None: rows are
                independent.

        Returns:
            ``mean_delta_low`` and ``mean_delta_high``; None of fewer than two pairs.

        >>> state = ComparisonSums(Tolerance()).update(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 1.0]))
        >>> found = state.mean_interval((0.25, math.inf))
        >>> round(found["mean_delta_low"], 2), round(found["mean_delta_high"], 2)
        (0.02, 1.98)
        """
        low = high = None
        pairs = self.pairs.count
        if pairs > 1:
            mean = self.delta_sum / pairs
            independent = max(self.delta_squares / pairs - mean * mean, 0.0) / (pairs - 1)
            variance, degrees = (independent, pairs - 1.0) if clustered is None else clustered
            low, high = wald(mean, variance, degrees=degrees)
        return {"mean_delta_low": low, "mean_delta_high": high}

    def _quantile(self, share: float) -> float | None:
        found = self.deltas.size_quantile(share)
        return None if found is None else min(found, self.max_abs)

    def _delta_quantile(self, share: float) -> float | None:
        found = self.deltas.quantile(share)
        return None if found is None else max(-self.max_abs, min(found, self.max_abs))

    def _reason(self, name: str) -> str:
        if not self.compared:
            return NOTHING_COMPARED
        if not self.pairs.count:
            return NO_FINITE_PAIR
        return CONSTANT if name == "correlation" and self.pairs.constant else TOO_LARGE


_COUNTS = (
    "compared",
    "mismatched",
    "rows_changed",
    "missing_reference",
    "missing_replayed",
    "missing_both",
    "non_finite_reference",
    "non_finite_replayed",
    "nan_both",
)
