"""Logloss: ``sum(w * loss) / sum(w)``, in nats a row."""

from __future__ import annotations

import numpy as np

from replay.metrics.functional.terms import LOSS, WEIGHT, Array, divide
from replay.metrics.interval import Interval, wald
from replay.metrics.value import NOT_PROBABILITIES, ZERO_WEIGHT


def value(sums: Array) -> Array:
    """Logloss from the terms' sums, ``(..., 4)`` to ``(...)``; NaN where the weights sum to 0."""
    return divide(sums[..., LOSS], sums[..., WEIGHT])


def gradient(sums: Array) -> Array:
    """Gradient by the sums, ``(..., 4)``."""
    slope = np.zeros_like(sums)
    slope[..., LOSS] = divide(1.0, sums[..., WEIGHT])
    slope[..., WEIGHT] = -divide(value(sums), sums[..., WEIGHT])
    return slope


def why_undefined(sums: Array, outside: float) -> str | None:
    """Why there is no logloss for one slice's sums ``(4,)`` and its rows outside [0, 1]; None where there is."""
    if sums[WEIGHT] <= 0:
        return ZERO_WEIGHT
    return NOT_PROBABILITIES if outside > 0 else None


def interval(value: float, variance: float, degrees: float) -> Interval:
    """Wald's interval, cut at 0."""
    return wald(value, variance, degrees=degrees, floor=0.0)
