"""The sums under ``ne``, ``logloss`` and ``calibration``, and the variance of a ratio of them.

A row adds the vector z = (w, w*y, w*p, w*loss) for weight w, label y and score p. A metric is a function g of the sum Z
of these vectors that does not change when Z is scaled. So grad g(Z) . Z = 0, the influence of a row is grad g(Z) . z
without any centring, and

    Var g(Z) ~ sum over rows of (grad g . z)**2 = grad g . M . grad g,    M = sum of z z^T        (delta method)

for independent rows and fixed weights; for rows that belong together, z is first summed by cluster (see
``replay.metrics.cluster``). Both need sums only, so both merge.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WEIGHT, LABEL, SCORE, LOSS = range(4)
NUM_TERMS = 4

LOSS_EPS = 1e-12
"""Scores are clipped to [eps, 1 - eps] before the logarithm, as torchrec's ``metrics/ne.py`` does."""


def row_loss(score: Array, label: Array) -> Array:
    """Cross-entropy of each row, in nats: ``-ln(p)`` for a positive, ``-ln(1 - p)`` for a negative, p clipped.

    Args:
        score: ``(num_rows,)``, probabilities.
        label: ``(num_rows,)``, 0 or 1.
    """
    clipped = np.clip(score, LOSS_EPS, 1 - LOSS_EPS)
    # ln(1 - p) by log1p keeps the digits of a small p; its value at 1 - eps is that of ln(eps).
    return -np.where(label > 0, np.log(clipped), np.log1p(-clipped))


def num_clipped(score: Array) -> int:
    """Rows whose score lies within ``LOSS_EPS`` of 0 or 1, or beyond, so that clipping changes it."""
    return int(np.count_nonzero((score < LOSS_EPS) | (score > 1 - LOSS_EPS)))


def num_outside(score: Array) -> int:
    """Rows whose score is no probability."""
    return int(np.count_nonzero((score < 0) | (score > 1)))


def row_terms(score: Array, label: Array, weight: Array | None) -> Array:
    """The vector that each row adds, ``(NUM_TERMS, num_rows)``.

    Args:
        score: ``(num_rows,)``, finite.
        label: ``(num_rows,)``, 0 or 1.
        weight: ``(num_rows,)``, or None for ones.
    """
    terms = np.stack((np.ones_like(score), label, score, row_loss(score, label)))
    return terms if weight is None else terms * weight


def quadratic(gradient: Array, moments: Array) -> Array:
    """``g . M . g`` over leading axes: ``(..., k)`` and ``(..., k, k)`` give ``(...)``; rounding below 0 is cut."""
    with np.errstate(all="ignore"):
        return cast("Array", np.maximum(np.einsum("...i,...ij,...j->...", gradient, moments, gradient), 0.0))


def cluster_variance(influence: Array) -> tuple[float, float]:
    """Variance of a statistic from its influence summed by cluster.

    Args:
        influence: ``(num_clusters,)`` of the clusters that have rows.

    Returns:
        ``G / (G - 1) * sum(U**2)`` and the degrees of freedom, G - 1; NaN and 1 with fewer than two clusters.
    """
    clusters = influence.size
    if clusters < 2:
        return float("nan"), 1.0
    with np.errstate(all="ignore"):
        centred = influence - influence.mean()
        return float(clusters / (clusters - 1) * np.dot(centred, centred)), clusters - 1.0


def divide(numerator: Any, denominator: Any) -> Array:
    """Elementwise quotient, NaN where the denominator is 0 or the answer is not finite."""
    top, bottom = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    with np.errstate(all="ignore"):
        quotient = top / bottom
    return np.where((bottom != 0) & np.isfinite(quotient), quotient, np.nan)
