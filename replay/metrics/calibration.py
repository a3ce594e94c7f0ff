"""The state of ``calibration``."""

from __future__ import annotations

from replay.metrics.functional import calibration
from replay.metrics.interval import Interval, log_wald, wald
from replay.metrics.state import RatioMetric


class Calibration(RatioMetric):
    """Sum of scores over sum of labels, both weighted. Undefined where no label is positive.

    >>> import numpy as np
    >>> Calibration().update(np.array([0.5, 0.25]), np.array([0, 1])).compute().value
    0.75
    """

    formula = staticmethod(calibration.value)
    gradient = staticmethod(calibration.gradient)
    why_undefined = staticmethod(calibration.why_undefined)

    @staticmethod
    def interval(value: float, variance: float, degrees: float) -> Interval:
        """On the log scale, which suits a ratio of few positives; on the plain one for scores that sum below 0."""
        if value > 0:
            return log_wald(value, variance, degrees=degrees)
        return wald(value, variance, degrees=degrees)
