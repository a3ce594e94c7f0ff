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

import numpy as np

from replay.metrics.histogram import Histogram
from replay.metrics.histogram_metric import (
    NEGATIVE,
    POSITIVE,
    ClassRows,
    HistogramMetric,
    HistogramReading,
    class_rows,
    why_not_two_classes,
)
from replay.metrics.interval import NO_INTERVAL, Interval, logit_wald
from replay.metrics.metric import METRICS, MetricChange
from replay.metrics.usable import Array

_ALPHA = 0.05


class Auc(HistogramMetric):
    """Weighted area under the ROC curve, ties by half, with DeLong's 95% interval on the logit scale.

    >>> Auc().update(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])).compute().value
    0.75
    """

    name = "auc"
    label = "AUC"
    good = "higher"
    change = MetricChange("auc_drop", "AUC drop", "AUC fell by", "AUC rose by", sign=-1)
    bounded = True

    @classmethod
    def read(cls, histogram: Histogram) -> HistogramReading:
        """Compute the AUC and its influence; the variance is NaN with fewer than two rows of a class."""
        reason = why_not_two_classes(histogram)
        if reason is not None:
            return HistogramReading.undefined(histogram, reason)
        negatives, positives = histogram.weights(NEGATIVE), histogram.weights(POSITIVE)
        below, above = float(negatives.sum()), float(positives.sum())
        # Mid-ranks: everything in lower bins counts in full, the bin itself by half.
        beats = (np.cumsum(negatives) - negatives / 2) / below  # V10 of a positive
        beaten = 1 - (np.cumsum(positives) - positives / 2) / above  # V01 of a negative
        auc = min(max(float(np.dot(positives, beats) / above), 0.0), 1.0)
        influence = np.stack(((beaten - auc) / below, (beats - auc) / above), axis=1)
        bound = 0.0 if histogram.exact else float(np.dot(positives, negatives) / (2 * above * below))
        variance = cls.row_variance(influence, histogram)
        return HistogramReading(auc, influence, variance, class_rows(histogram), bound)

    @classmethod
    def variance_of(cls, squares: Array, rows: ClassRows) -> float:
        """Sum of squared influences, with DeLong's m / (m - 1) of each class; NaN for a class of one row."""
        count = np.array(rows)
        return float(np.sum(squares * np.where(count > 1, count / np.maximum(count - 1, 1), np.nan)))

    @classmethod
    def interval(cls, reading: HistogramReading, variance: float, degrees: float = np.inf) -> Interval:
        """95% interval on the logit scale.

        Perfect separation has no variance to speak of: there the far end is ``0.025**(1/m)`` with m the rows of the
        smaller class, the Clopper-Pearson end of m successes in m trials, which is conservative.
        """
        if reading.value in (0.0, 1.0):
            end = (_ALPHA / 2) ** (1 / min(reading.class_rows))
            return (end, 1.0) if reading.value == 1.0 else (0.0, 1 - end)
        if not np.isfinite(variance):
            return NO_INTERVAL
        return logit_wald(reading.value, variance, degrees=degrees)


METRICS.register(Auc.name, Auc, rank=10)
