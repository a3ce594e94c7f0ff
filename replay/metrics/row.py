"""A row of the ``metrics`` table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of one variant, on one slice and time bucket.

    Attributes:
        variant: Name of the variant; ``online`` for the scores that online answered.
        against: ``online`` or ``baseline`` for a comparison, None for a metric of the variant alone.
        slice: ``all``, or ``segment=value`` (``surface=home``).
        bucket: Start of the time bucket in UTC, or None for the whole window.
        metric: Name of the metric (``auc``, ``mismatch_rate``, ...).
        value: The metric, or None where it is not defined.
        low: Lower end of the 95% confidence interval, or None.
        high: Upper end, or None.
        rows: Rows that the metric saw.
        reason: Why ``value`` is None; or, where it is not, why it has no interval.
        positives: Of a metric of labels, the positives among the rows; None for other metrics.
    """

    variant: str
    against: str | None
    slice: str
    bucket: datetime | None
    metric: str
    value: float | None
    low: float | None
    high: float | None
    rows: int
    reason: str | None
    positives: int | None = None
