"""Which of many differences are more than chance."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RATE = 0.05
"""Share of what is called significant that may be chance."""


def discoveries(p_values: Array, rate: float = RATE) -> NDArray[np.bool_]:
    """Find what is significant, so that of all that is found no more than a share is chance.

    Source: Benjamini and Hochberg 1995: the k smallest of m, for the largest k whose p-value is at most k/m of the
    rate.

    Args:
        p_values: ``(m,)``; NaN: not tested, and never found.
        rate: The share.

    Returns:
        ``(m,)``.

    >>> discoveries(np.array([0.001, 0.2, 0.03, np.nan])).tolist()
    [True, False, True, False]
    """
    found = np.zeros(p_values.size, dtype=np.bool_)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    below = np.flatnonzero(p_values[order] <= rate * np.arange(1, order.size + 1) / max(order.size, 1))
    if below.size:
        found[order[: below[-1] + 1]] = True
    return found


def two_sided(statistic: float, degrees: float) -> float:
    """Two-sided p-value of Student's t.

    Args:
        statistic: A t-value; NaN gives NaN.
        degrees: Degrees of freedom, at least 1.

    >>> round(two_sided(2.0, 10.0), 4)
    0.0734
    """
    if math.isnan(statistic):
        return math.nan
    return regularized_beta(degrees / (degrees + statistic * statistic), degrees / 2, 0.5)


def f_tail(statistic: float, above: float, below: float) -> float:
    """Chance that a value of Fisher's F is larger.

    Args:
        statistic: At least 0; NaN gives NaN.
        above: Degrees of freedom of the numerator.
        below: Of the denominator; infinity: it is known.
    """
    if math.isnan(statistic):
        return math.nan
    if math.isinf(below):
        return gamma_tail(above / 2, above * statistic / 2)
    return regularized_beta(below / (below + above * statistic), below / 2, above / 2)


def gamma_tail(shape: float, value: float) -> float:
    """The upper regularized incomplete gamma function, ``Q(shape, value)``.

    Source: by series and Lentz's continued fraction, as in Abramowitz and Stegun 1964, 6.5.29 and 6.5.31.
    """
    if value <= 0:
        return 1.0
    front = math.exp(shape * math.log(value) - value - math.lgamma(shape))
    if value < shape + 1:
        term = total = 1.0 / shape
        step = shape
        while abs(term) > abs(total) * 1e-16:
            step += 1
            term *= value / step
            total += term
        return max(1.0 - total * front, 0.0)
    return front * _lentz(value + 1 - shape, lambda n: (-n * (n - shape), value + 2 * n + 1 - shape))


def regularized_beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function, ``I_x(a, b)``.

    Source: the continued fraction of Abramowitz and Stegun 1964, 26.5.8, by Lentz's method.
    """
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1) / (a + b + 2):
        return 1.0 - regularized_beta(1 - x, b, a)
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)

    def term(n: int) -> tuple[float, float]:
        half = n // 2
        if n % 2 == 0:
            return half * (b - half) * x / ((a + n - 1) * (a + n)), 1.0
        return -(a + half) * (a + b + half) * x / ((a + n - 1) * (a + n)), 1.0

    return math.exp(logs) / a * _lentz(1.0, term)


def _lentz(first: float, term: Callable[[int], tuple[float, float]]) -> float:
    """``1 / (first + a1 / (b1 + a2 / (b2 + ...)))`` for ``term(n) = (a_n, b_n)``; Lentz 1976."""
    tiny = 1e-300
    low = first or tiny
    value, high = low, low
    down = 0.0
    for n in range(1, 10_000):
        above, beside = term(n)
        down = beside + above * down
        high = beside + above / high
        down, high = 1.0 / (down or tiny), high or tiny
        value *= high * down
        if abs(high * down - 1.0) < 1e-15:
            break
    return 1.0 / value
