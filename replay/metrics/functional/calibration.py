"""Calibration: ``sum(w * score) / sum(w * label)``; 1 is calibrated, above 1 predicts too much."""

from __future__ import annotations

import numpy as np

from replay.metrics.functional.terms import LABEL, SCORE, WEIGHT, Array, divide
from replay.metrics.interval import Interval, log_wald, wald
from replay.metrics.value import NO_POSITIVES, ZERO_WEIGHT


def value(sums: Array) -> Array:
    """Calibration from the terms' sums, ``(..., 4)`` to ``(...)``; NaN where no label is positive."""
    return divide(sums[..., SCORE], sums[..., LABEL])


def gradient(sums: Array) -> Array:
    """Gradient by the sums, ``(..., 4)``."""
    slope = np.zeros_like(sums)
    slope[..., SCORE] = divide(1.0, sums[..., LABEL])
    slope[..., LABEL] = -divide(value(sums), sums[..., LABEL])
    return slope


def why_undefined(sums: Array, outside: float) -> str | None:
    """Why there is no calibration for one slice's sums ``(4,)``; None where there is. Any finite score will do."""
    del outside
    if sums[WEIGHT] <= 0:
        return ZERO_WEIGHT
    return NO_POSITIVES if sums[LABEL] <= 0 else None


def interval(value: float, variance: float, degrees: float) -> Interval:
    """On the log scale, which suits a ratio of few positives; on the plain one where the scores sum to 0 or less."""
    if value > 0:
        return log_wald(value, variance, degrees=degrees)
    return wald(value, variance, degrees=degrees)
