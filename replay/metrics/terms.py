"""The terms that each row adds to the sums under the ratio metrics.

A row adds the vector z = w * (1, y, p, loss, ...) for weight w, label y and score p: the four terms here, and then
those that metrics bring themselves. One table of sums of them, and of their products, is under all ratio metrics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LOSS_EPS = 1e-12
"""Scores are clipped to [eps, 1 - eps] before the logarithm, as torchrec's ``metrics/ne.py`` does."""


@dataclass(frozen=True, slots=True)
class Term:
    """What a row adds to a sum.

    Attributes:
        name: Names the sum; two terms of one name are one term.
        of: From the scores and the labels of rows, ``(num_rows,)`` each, to what a row of weight 1 adds,
            ``(num_rows,)``. Scores are finite, and labels 0 or 1.
    """

    name: str
    of: Callable[[Array, Array], Array]


def row_loss(score: Array, label: Array) -> Array:
    """Cross-entropy of each row, in nats: ``-ln(p)`` for a positive, ``-ln(1 - p)`` for a negative, p clipped.

    Args:
        score: ``(num_rows,)``, probabilities.
        label: ``(num_rows,)``, 0 or 1.
    """
    clipped = np.clip(score, LOSS_EPS, 1 - LOSS_EPS)
    # ln(1 - p) by log1p keeps the digits of a small p; its value at 1 - eps is that of ln(eps).
    return -np.where(label > 0, np.log(clipped), np.log1p(-clipped))


WEIGHT = Term("weight", lambda score, label: np.ones_like(score))
LABEL = Term("label", lambda score, label: label)
SCORE = Term("score", lambda score, label: score)
LOSS = Term("loss", row_loss)

BASE_TERMS = (WEIGHT, LABEL, SCORE, LOSS)
"""The first terms of every vector."""


def num_clipped(score: Array) -> int:
    """Rows whose score lies within ``LOSS_EPS`` of 0 or 1, or beyond, so that clipping changes it."""
    return int(np.count_nonzero((score < LOSS_EPS) | (score > 1 - LOSS_EPS)))


def outside_unit(score: Array) -> NDArray[np.bool_]:
    """Rows whose score is no probability, ``(num_rows,)``."""
    return (score < 0) | (score > 1)


def divide(numerator: Any, denominator: Any) -> Array:
    """Elementwise quotient, NaN where the denominator is 0 or the answer is not finite."""
    top, bottom = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    with np.errstate(all="ignore"):
        quotient = top / bottom
    return np.where((bottom != 0) & np.isfinite(quotient), quotient, np.nan)
