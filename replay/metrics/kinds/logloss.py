"""Logloss: ``sum(w * loss) / sum(w)``, in nats a row."""

from __future__ import annotations

from replay.metrics.interval import Interval, log_wald, wald
from replay.metrics.metric import METRICS
from replay.metrics.ratio.metric import RatioMetric
from replay.metrics.terms import LOSS, WEIGHT


class LogLoss(RatioMetric):
    """Weighted mean cross-entropy in nats, with scores clipped to [1e-12, 1 - 1e-12] (``num_clipped`` counts them).

    Undefined where a score lies outside [0, 1].

    >>> import numpy as np
    >>> round(LogLoss().update(np.array([0.5, 0.5]), np.array([0, 1])).compute().value, 6)
    0.693147
    """

    name = "logloss"
    label = "Log loss"
    good = "lower"
    terms = (LOSS, WEIGHT)
    probabilities = True

    @staticmethod
    def interval(value: float, variance: float, degrees: float) -> Interval:
        """On the log scale: most of a sum of few large losses and many small ones is luck in how many are large."""
        return log_wald(value, variance, degrees=degrees) if value > 0 else wald(value, variance, degrees=degrees)

    @staticmethod
    def degrees(rarer: float) -> float:
        """Twice the rows: what varies is how many there are, which is known, as much as what each adds."""
        return max(2 * rarer, 1.0)


METRICS.register(LogLoss.name, LogLoss, rank=30)
