"""Normalised entropy: logloss over the entropy of the base rate (He et al. 2014, "Practical Lessons", section 3).

With W, Y and S the sums of w, w*y and w*loss, and q = Y / W the base rate,

    NE = S / D,    D = -(Y ln q + (W - Y) ln(1 - q))

Below 1 the model knows more than the base rate.
"""

from __future__ import annotations

import numpy as np

from replay.metrics.metric import METRICS, MetricChange
from replay.metrics.ratio.metric import RatioMetric
from replay.metrics.terms import LABEL, LOSS, WEIGHT, Array, divide
from replay.metrics.value import ONE_CLASS


class NormalizedEntropy(RatioMetric):
    """Logloss over the entropy of the base rate: 1 for a model that knows no more than the base rate.

    Undefined where the labels are of one class, or a score lies outside [0, 1].

    >>> round(NormalizedEntropy().update(np.array([0.5, 0.5]), np.array([0, 1])).compute().value, 6)
    1.0
    """

    name = "ne"
    label = "NE"
    good = "lower"
    change = MetricChange("ne_increase", "NE increase", "NE rose by", "NE fell by")
    terms = (WEIGHT, LABEL, LOSS)
    probabilities = True

    @staticmethod
    def value(sums: Array) -> Array:
        """NE, ``(..., 3)`` to ``(...)``; NaN where the labels are of one class."""
        return divide(sums[..., 2], _base_entropy(sums))

    @staticmethod
    def gradient(sums: Array) -> Array:
        """Gradient by the sums, ``(..., 3)``."""
        entropy = _base_entropy(sums)
        with np.errstate(all="ignore"):
            rate = sums[..., 1] / sums[..., 0]
            by_label = np.log1p(-rate) - np.log(rate)  # dD/dY
            by_weight = -np.log1p(-rate)  # dD/dW
            outer = -divide(sums[..., 2], entropy) / entropy
            return np.stack((outer * by_weight, outer * by_label, divide(1.0, entropy)), axis=-1)

    @staticmethod
    def why_undefined(sums: Array) -> str | None:
        """Why there is no NE of one slice."""
        # Sums of weights carry rounding, so one class shows as a value that is not a number, not only as an exact 0.
        one_class = sums[1] <= 0 or sums[1] >= sums[0] or not np.isfinite(NormalizedEntropy.value(sums))
        return ONE_CLASS if one_class else None


def _base_entropy(sums: Array) -> Array:
    """D, the summed entropy of the base rate, ``(..., 3)`` to ``(...)``; NaN or 0 where the labels are one class."""
    weight, label = sums[..., 0], sums[..., 1]
    with np.errstate(all="ignore"):
        rate = label / weight
        return -(label * np.log(rate) + (weight - label) * np.log1p(-rate))


METRICS.register(NormalizedEntropy.name, NormalizedEntropy, rank=20)
