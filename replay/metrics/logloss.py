"""The state of ``logloss``."""

from __future__ import annotations

from typing import ClassVar

from replay.metrics.functional import logloss
from replay.metrics.ratio import RatioFormula
from replay.metrics.state import RatioMetric


class LogLoss(RatioMetric):
    """Weighted mean cross-entropy in nats, with scores clipped to [1e-12, 1 - 1e-12] (``num_clipped`` counts them).

    Undefined where a score lies outside [0, 1].

    >>> import numpy as np
    >>> round(LogLoss().update(np.array([0.5, 0.5]), np.array([0, 1])).compute().value, 6)
    0.693147
    """

    formula: ClassVar[RatioFormula] = logloss
