"""Area under the ROC curve from a histogram of scores by class, with its influence and variance.

    AUC = sum over positives i and negatives j of w_i * w_j * psi(s_i, s_j) / (sum w_i * sum w_j)

where psi is 1 for s_i > s_j, 1/2 for a tie (and for two scores of one bin) and 0 else. The structural components of
DeLong, DeLong and Clarke-Pearson (1988), V10 of a positive and V01 of a negative, depend on a row's score alone, so
they are a table by bin, and the variance is a sum over bins, in O(bins) after the sort (Sun and Xu 2014).

Weights are taken as fixed (importance or sampling weights, not repeated rows):
``sum(w**2 (V10 - AUC)**2) / sum(w)**2 * m / (m - 1)`` over the m positives, and the same over the negatives. With
equal weights this is DeLong's variance to the digit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.metrics.histogram import Histogram
from replay.metrics.interval import NO_INTERVAL, Interval, logit_wald
from replay.metrics.value import NO_ROWS, ONE_CLASS, ZERO_WEIGHT

NEGATIVE, POSITIVE = 0, 1
_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class RocCurve:
    """What a histogram says about the AUC.

    Attributes:
        auc: In [0, 1]; NaN where it is not defined.
        influence: ``(num_bins, 2)``: what a row of unit weight adds to AUC - E[AUC], by class (negative, positive).
        variance: Of the AUC, for independent rows; NaN with fewer than two rows of a class.
        error_bound: The AUC of the unbinned scores lies within this of ``auc``; 0 for an exact histogram.
        rows: Rows of both classes.
        class_rows: Rows of each class (negative, positive).
        reason: Why it is not defined, or None.
    """

    auc: float
    influence: NDArray[np.float64]
    variance: float
    error_bound: float
    rows: int
    class_rows: tuple[float, float]
    reason: str | None = None


def curve(histogram: Histogram) -> RocCurve:
    """Compute the AUC and its influence; classes 0 and 1 of the histogram are the labels, any other is left out."""
    negatives, positives = histogram.weights(NEGATIVE), histogram.weights(POSITIVE)
    rows = (float(histogram.counts(NEGATIVE).sum()), float(histogram.counts(POSITIVE).sum()))
    below, above = float(negatives.sum()), float(positives.sum())
    reason = _why_undefined(rows, below, above)
    if reason is not None:
        none = np.zeros((histogram.keys.size, 2))
        return RocCurve(float("nan"), none, float("nan"), float("nan"), round(sum(rows)), rows, reason)
    # Mid-ranks: everything in lower bins counts in full, the bin itself by half.
    beats = (np.cumsum(negatives) - negatives / 2) / below  # V10 of a positive
    beaten = 1 - (np.cumsum(positives) - positives / 2) / above  # V01 of a negative
    auc = min(max(float(np.dot(positives, beats) / above), 0.0), 1.0)
    influence = np.stack(((beaten - auc) / below, (beats - auc) / above), axis=1)
    bound = 0.0 if histogram.exact else float(np.dot(positives, negatives) / (2 * above * below))
    variance = row_variance(influence, histogram, rows)
    return RocCurve(auc, influence, variance, bound, round(sum(rows)), rows)


def _why_undefined(rows: tuple[float, float], below: float, above: float) -> str | None:
    if sum(rows) == 0:
        return NO_ROWS
    if below + above <= 0:
        return ZERO_WEIGHT
    return ONE_CLASS if below <= 0 or above <= 0 else None


def small_sample(class_rows: tuple[float, float]) -> NDArray[np.float64]:
    """Bessel's m / (m - 1) of each class, ``(2,)``; NaN for a class of one row."""
    rows = np.array(class_rows)
    return np.where(rows > 1, rows / np.maximum(rows - 1, 1), np.nan)


def row_variance(influence: NDArray[np.float64], histogram: Histogram, class_rows: tuple[float, float]) -> float:
    """Sum of squared influences over independent rows, with DeLong's m / (m - 1)."""
    by_class = np.array([np.dot(histogram.squares(label), influence[:, label] ** 2) for label in (NEGATIVE, POSITIVE)])
    return float(np.sum(by_class * small_sample(class_rows)))


def auc_interval(auc: float, variance: float, class_rows: tuple[float, float], degrees: float = np.inf) -> Interval:
    """95% interval of an AUC.

    On the logit scale. Perfect separation has no variance to speak of: there the far end is ``0.025**(1/m)`` with m the
    rows of the smaller class, the Clopper-Pearson end of m successes in m trials, which is conservative.
    """
    if auc in (0.0, 1.0):
        end = (_ALPHA / 2) ** (1 / min(class_rows))
        return (end, 1.0) if auc == 1.0 else (0.0, 1 - end)
    if not np.isfinite(variance):
        return NO_INTERVAL
    return logit_wald(auc, variance, degrees=degrees)
