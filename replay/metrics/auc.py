"""The state of ``auc``."""

from __future__ import annotations

from replay.metrics.binned import BinnedMetric
from replay.metrics.functional.auc import auc_interval, curve
from replay.metrics.histogram import Histogram
from replay.metrics.interval import NO_INTERVAL
from replay.metrics.value import MetricValue, undefined


class Auc(BinnedMetric):
    """Weighted area under the ROC curve, ties by half, with DeLong's 95% interval on the logit scale.

    >>> import numpy as np
    >>> Auc().update(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])).compute().value
    0.75
    """

    @property
    def error_bound(self) -> float:
        """The AUC of the unbinned scores lies within this of the value; 0 while every distinct score has its bin."""
        return 0.0 if self.histogram is None else curve(self.histogram).error_bound

    def _measure(self, histogram: Histogram) -> MetricValue:
        found = curve(histogram)
        if found.reason is not None:
            return undefined(self.rows, found.reason)
        low, high = NO_INTERVAL if self._clustered else auc_interval(found.auc, found.variance, found.class_rows)
        return MetricValue(found.auc, low, high, self.rows)
