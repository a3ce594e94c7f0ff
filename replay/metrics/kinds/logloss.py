"""Logloss: ``sum(w * loss) / sum(w)``, in nats a row."""

from __future__ import annotations

from replay.metrics.metric import METRICS
from replay.metrics.ratio import RatioMetric
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


METRICS.register(LogLoss.name, LogLoss, rank=30)
