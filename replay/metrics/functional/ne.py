"""Normalised entropy: logloss over the entropy of the base rate (He et al. 2014, "Practical Lessons", section 3).

With W, Y and S the sums of w, w*y and w*loss, and q = Y / W the base rate,

    NE = S / D,    D = -(Y ln q + (W - Y) ln(1 - q))

Below 1 the model knows more than the base rate.
"""

from __future__ import annotations

import numpy as np

from replay.metrics.functional.terms import LABEL, LOSS, WEIGHT, Array, divide
from replay.metrics.interval import Interval, wald
from replay.metrics.value import NOT_PROBABILITIES, ONE_CLASS, ZERO_WEIGHT


def base_entropy(sums: Array) -> Array:
    """D, the summed entropy of the base rate, ``(..., 4)`` to ``(...)``; NaN or 0 where the labels are one class."""
    weight, label = sums[..., WEIGHT], sums[..., LABEL]
    with np.errstate(all="ignore"):
        rate = label / weight
        return -(label * np.log(rate) + (weight - label) * np.log1p(-rate))


def value(sums: Array) -> Array:
    """NE from the terms' sums, ``(..., 4)`` to ``(...)``; NaN where the labels are one class."""
    return divide(sums[..., LOSS], base_entropy(sums))


def gradient(sums: Array) -> Array:
    """Gradient by the sums, ``(..., 4)``."""
    entropy = base_entropy(sums)
    with np.errstate(all="ignore"):
        rate = sums[..., LABEL] / sums[..., WEIGHT]
        by_label = np.log1p(-rate) - np.log(rate)  # dD/dY
        by_weight = -np.log1p(-rate)  # dD/dW
        outer = -value(sums) / entropy
        slope = np.zeros_like(sums)
        slope[..., LOSS] = divide(1.0, entropy)
        slope[..., LABEL] = outer * by_label
        slope[..., WEIGHT] = outer * by_weight
    return slope


def why_undefined(sums: Array, outside: float) -> str | None:
    """Why there is no NE for one slice's sums ``(4,)`` and its rows outside [0, 1]; None where there is."""
    if sums[WEIGHT] <= 0:
        return ZERO_WEIGHT
    if outside > 0:
        return NOT_PROBABILITIES
    # Sums of weights carry rounding, so one class shows as a value that is not a number, not only as an exact 0.
    one_class = sums[LABEL] <= 0 or sums[LABEL] >= sums[WEIGHT] or not np.isfinite(value(sums))
    return ONE_CLASS if one_class else None


def interval(value: float, variance: float, degrees: float) -> Interval:
    """Wald's interval, cut at 0."""
    return wald(value, variance, degrees=degrees, floor=0.0)
