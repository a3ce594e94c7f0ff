"""Calibration: ``sum(w * score) / sum(w * label)``; 1 is calibrated, above 1 predicts too much."""

from __future__ import annotations

from replay.metrics.interval import Interval, log_wald, wald
from replay.metrics.metric import METRICS, MetricChange
from replay.metrics.ratio import RatioMetric
from replay.metrics.terms import LABEL, SCORE, Array
from replay.metrics.value import NO_POSITIVES


class Calibration(RatioMetric):
    """Sum of scores over sum of labels, both weighted. Undefined where no label is positive; any finite score will do.

    >>> import numpy as np
    >>> Calibration().update(np.array([0.5, 0.25]), np.array([0, 1])).compute().value
    0.75
    """

    name = "calibration"
    label = "Calibration"
    good = "one"
    change = MetricChange("calibration_shift", "Calibration shift", "calibration rose by", "calibration fell by")
    terms = (SCORE, LABEL)

    @staticmethod
    def why_undefined(sums: Array) -> str | None:
        """Why there is no calibration of one slice."""
        return NO_POSITIVES if sums[1] <= 0 else None

    @staticmethod
    def interval(value: float, variance: float, degrees: float) -> Interval:
        """On the log scale, which suits a ratio of few positives; on the plain one where scores sum to 0 or less."""
        if value > 0:
            return log_wald(value, variance, degrees=degrees)
        return wald(value, variance, degrees=degrees)


METRICS.register(Calibration.name, Calibration, rank=40)
