"""The state of ``log_mae``."""

from __future__ import annotations

from replay.metrics.binned import BinnedMetric
from replay.metrics.functional.log_mae import log_calibration
from replay.metrics.histogram import Histogram
from replay.metrics.interval import NO_INTERVAL, wald
from replay.metrics.value import MetricValue, undefined


class LogMae(BinnedMetric):
    """Mean absolute log distance of predicted and observed rates over ten score buckets of equal weight.

    ``replay.metrics.functional.log_mae`` has the definition, and why this one. The interval takes the buckets' edges as
    fixed.

    >>> import numpy as np
    >>> round(LogMae().update(np.full(10, 0.2), np.eye(10)[0]).compute().value, 6)
    0.693147
    """

    def _measure(self, histogram: Histogram) -> MetricValue:
        found = log_calibration(histogram)
        if found.reason is not None:
            return undefined(self.rows, found.reason)
        low, high = NO_INTERVAL if self._clustered else wald(found.value, found.variance, floor=0.0)
        return MetricValue(found.value, low, high, self.rows)
