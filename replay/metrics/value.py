"""What a metric answers: a value with its interval, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

NO_ROWS = "no row has a finite score, a 0/1 label and a weight"
ZERO_WEIGHT = "the weights sum to zero"
ONE_CLASS = "the labels are all of one class"
NO_POSITIVES = "no label is positive"
NOT_PROBABILITIES = "scores lie outside [0, 1]: they are not probabilities"

FEWEST = 5
"""Effective rows of either class, and groups, below which no interval of a metric of labels is given."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A measured metric.

    Attributes:
        value: The metric, or None where it is not defined; never NaN.
        low: Lower end of the 95% confidence interval, or None where none can be given.
        high: Upper end, or None.
        rows: Rows that the metric saw (usable score, label and weight).
        reason: Why ``value`` is None; or, where it is not, why it has no interval.
        positives: Of a metric of labels, the positives among the rows; with weights, as many equally weighted ones as
            say as much (Kish 1965). None for other metrics.
    """

    value: float | None
    low: float | None
    high: float | None
    rows: int
    reason: str | None = field(default=None, metadata={"optional": True})
    positives: int | None = field(default=None, metadata={"optional": True})


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """How many rows of each class a metric rests on: what its interval can be drawn from.

    Attributes:
        positives: Rows; with weights the effective number, ``sum(w)**2 / sum(w**2)`` (Kish 1965).
        negatives: The same.
        independent: The smaller class, counted in rows that say as much and are independent of each other: below the
            two where rows belong together.
        groups: Groups of rows that belong together; infinite where every row stands alone.
    """

    positives: float
    negatives: float
    independent: float
    groups: float = math.inf

    @property
    def count(self) -> int:
        """The positives, as a whole number."""
        return round(self.positives) if math.isfinite(self.positives) else 0

    def variation_of_rate(self) -> float:
        """Squared coefficient of variation of the share of positives."""
        rarer = min(self.positives, self.negatives)
        return self.negatives / (self.positives + self.negatives) / self.positives * rarer / self.independent

    def why_no_interval(self, fewest: int) -> str | None:
        """Why an interval cannot be told; None where it can.

        >>> ClassCounts(3.0, 97.0, 3.0).why_no_interval(5)
        'no interval: 3 positives, and it takes 5'
        """
        if self.groups < FEWEST:
            return f"no interval: {self.groups:.0f} groups with labels, and it takes {FEWEST}"
        rarer = min(self.positives, self.negatives)
        what = "positives" if self.positives <= self.negatives else "negatives"
        if math.isnan(rarer) or rarer < fewest - _ROUNDING:
            return f"no interval: {rarer if rarer > 0 else 0:.3g} {what}, and it takes {fewest}"
        if math.isnan(self.independent) or self.independent < fewest - _ROUNDING:
            counted = f"{self.independent if self.independent > 0 else 0:.2g}"
            grouped = f"{rarer:.3g} {what}, which count as {counted} since rows are grouped"
            return f"no interval: {grouped}, and it takes {fewest}"
        return None


_ROUNDING = 1e-6


def undefined(rows: int, reason: str, positives: int | None = None) -> MetricValue:
    """A metric that is not defined, with its reason.

    >>> undefined(0, NO_ROWS).value is None
    True
    """
    return MetricValue(None, None, None, rows, reason, positives)


def finite(value: float) -> float | None:
    """A Python float, or None for NaN and infinities."""
    return float(value) if math.isfinite(value) else None
