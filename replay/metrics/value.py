"""What a metric answers: a value with its interval, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

NO_ROWS = "no row has a finite score, a 0/1 label and a weight"
ZERO_WEIGHT = "the weights sum to zero"
ONE_CLASS = "the labels are all of one class"
NO_POSITIVES = "no label is positive"
NOT_PROBABILITIES = "scores lie outside [0, 1]: they are not probabilities"


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A measured metric.

    Attributes:
        value: The metric, or None where it is not defined; never NaN.
        low: Lower end of the 95% confidence interval, or None where none can be given.
        high: Upper end, or None.
        rows: Rows that the metric saw (usable score, label and weight).
        reason: Why ``value`` is None; None where it is not.
    """

    value: float | None
    low: float | None
    high: float | None
    rows: int
    reason: str | None = field(default=None, metadata={"optional": True})


def undefined(rows: int, reason: str) -> MetricValue:
    """A metric that is not defined, with its reason.

    >>> undefined(0, NO_ROWS).value is None
    True
    """
    return MetricValue(None, None, None, rows, reason)


def finite(value: float) -> float | None:
    """A Python float, or None for NaN and infinities."""
    return float(value) if math.isfinite(value) else None
