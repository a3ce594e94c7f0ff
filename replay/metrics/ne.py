"""The state of ``ne``."""

from __future__ import annotations

from typing import ClassVar

from replay.metrics.functional import ne
from replay.metrics.ratio import RatioFormula
from replay.metrics.state import RatioMetric


class NormalizedEntropy(RatioMetric):
    """Logloss over the entropy of the base rate: 1 for a model that knows no more than the base rate.

    Undefined where the labels are of one class, or a score lies outside [0, 1].

    >>> import numpy as np
    >>> round(NormalizedEntropy().update(np.array([0.5, 0.5]), np.array([0, 1])).compute().value, 6)
    1.0
    """

    formula: ClassVar[RatioFormula] = ne
