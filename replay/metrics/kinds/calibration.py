"""Calibration: ``sum(w * score) / sum(w * label)``; 1 is calibrated, above 1 predicts too much."""

from __future__ import annotations

import math

from replay.metrics.interval import NO_INTERVAL, Interval, log_wald, t_quantile, wald
from replay.metrics.metric import METRICS, MetricChange
from replay.metrics.ratio.metric import RatioMetric
from replay.metrics.terms import LABEL, SCORE, Array
from replay.metrics.value import NO_POSITIVES, ClassCounts


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

    @staticmethod
    def degrees(rarer: float) -> float:
        """Twice the rows: what varies is how many there are, which is known, as much as what each adds."""
        return max(2 * rarer, 1.0)

    @classmethod
    def change_interval(cls, change: float, variance: float, evidence: ClassCounts) -> Interval:
        """On the log scale as far as it is the number of positives that varies, which both sides are divided by.

        The two parts are put together as independent ones are (MOVER: Zou and Donner 2008).
        """
        if not math.isfinite(variance):
            return NO_INTERVAL
        quantile = t_quantile(min(cls.degrees(evidence.independent), evidence.groups - 1))
        of_number = evidence.variation_of_rate()
        rest = quantile**2 * max(variance - change**2 * of_number, 0.0)
        growth = quantile * math.sqrt(of_number)
        near, far = abs(change) * -math.expm1(-growth), abs(change) * math.expm1(min(growth, 700.0))
        below, above = (near, far) if change > 0 else (far, near)
        return (change - math.hypot(math.sqrt(rest), below), change + math.hypot(math.sqrt(rest), above))


METRICS.register(Calibration.name, Calibration, rank=40)
