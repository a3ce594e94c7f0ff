"""95% confidence intervals in closed form."""

from __future__ import annotations

import math
from statistics import NormalDist

Z95 = NormalDist().inv_cdf(0.975)

Interval = tuple[float | None, float | None]
NO_INTERVAL: Interval = (None, None)


def t_quantile(degrees: float) -> float:
    """The 97.5% quantile of Student's t, by its Cornish-Fisher expansion around the normal.

    Exact for 1 and 2 degrees of freedom, within 0.2% from 4 on (Abramowitz and Stegun 1964, 26.7.5).

    Args:
        degrees: Degrees of freedom, at least 1; infinity gives the normal quantile.

    >>> round(t_quantile(63), 3)
    1.998
    """
    if degrees <= 1:
        return math.tan(math.pi * 0.475)
    if degrees <= 2:
        return 0.95 * math.sqrt(2 / (1 - 0.95**2))
    z = Z95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / degrees**power for power, term in enumerate(terms, start=1))


def satterthwaite(variances: tuple[float, float], rows: tuple[float, float]) -> float:
    """Degrees of freedom of a sum of two estimated variances (Satterthwaite 1946), at least 1.

    Args:
        variances: Of two independent parts.
        rows: Rows that each is estimated from.

    >>> satterthwaite((1.0, 1.0), (11.0, 11.0)), satterthwaite((1.0, 0.0), (5.0, 1000.0))
    (20.0, 4.0)
    """
    whole = sum(variances)
    if not math.isfinite(whole) or whole <= 0:
        return max(min(rows) - 1, 1.0)
    parts = (variance**2 / max(count - 1, 1.0) for variance, count in zip(variances, rows, strict=True))
    return max(whole**2 / sum(parts), 1.0)


def wald(value: float, variance: float, *, degrees: float = math.inf, floor: float = -math.inf) -> Interval:
    """``value +- t * sqrt(variance)``, cut at ``floor``; no interval for an unusable variance."""
    if not math.isfinite(variance) or variance < 0:
        return NO_INTERVAL
    half = t_quantile(degrees) * math.sqrt(variance)
    return (max(value - half, floor), value + half)


def log_wald(value: float, variance: float, *, degrees: float = math.inf) -> Interval:
    """A Wald interval on the log scale, which suits a positive ratio: ``value * exp(+- t * se / value)``."""
    if value <= 0 or not math.isfinite(variance) or variance < 0:
        return NO_INTERVAL
    half = t_quantile(degrees) * math.sqrt(variance) / value
    return (value * math.exp(-half), value * math.exp(min(half, 700.0)))


def bounded_mean(mean: float, variance: float, count: float) -> Interval:
    """Wilson's interval for a mean of numbers in [0, 1]: of as many trials as would have their variance.

    Args:
        mean: In [0, 1].
        variance: Of the numbers; at most ``mean * (1 - mean)``.
        count: Numbers, at least 2.

    >>> bounded_mean(0.25, 0.25 * 0.75, 100) == wilson(25, 100, degrees=99)
    True
    """
    trials = count * mean * (1 - mean) / variance if variance > 0 and 0 < mean < 1 else count
    return wilson(mean * trials, trials, degrees=count - 1)


def wilson(successes: float, trials: float, *, design_effect: float = 1.0, degrees: float = math.inf) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927); ``(None, None)`` without trials.

    Args:
        successes: Rows that count.
        trials: Rows in all.
        design_effect: Variance relative to independent rows; the sample counts as ``trials / design_effect``
            (Korn and Graubard 1998). Below 1 it is taken as 1.
        degrees: Degrees of freedom of that design effect; the sample then counts as less still, by the square of t over
            z, as they do.

    >>> [round(end, 4) for end in wilson(0, 10)]
    [0.0, 0.2775]
    """
    if trials <= 0:
        return NO_INTERVAL
    share = successes / trials
    effective = trials / max(design_effect, 1.0) * (Z95 / t_quantile(degrees)) ** 2
    square = Z95 * Z95
    scale = 1 + square / effective
    centre = (share + square / (2 * effective)) / scale
    half = Z95 * math.sqrt(share * (1 - share) / effective + square / (4 * effective**2)) / scale
    return (0.0 if successes <= 0 else max(centre - half, 0.0), 1.0 if successes >= trials else min(centre + half, 1.0))
