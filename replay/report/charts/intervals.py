"""Metrics with intervals, side by side on one scale: the forest plots of quality and slices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from replay.metrics.row import MetricRow
from replay.metrics.value import MetricValue
from replay.report.charts.geometry import AxisScale, padded
from replay.report.words.losses import METRIC_LABELS
from replay.report.words.numbers import interval_text, number

MeasuredMetric = MetricValue | MetricRow


@dataclass(frozen=True)
class IntervalCell:
    """A value with its interval, placed on the scale of its column (shares of its width)."""

    text: str
    interval: str
    at: float | None = None
    low: float | None = None
    high: float | None = None
    reference: float | None = None
    """Where the online score's own value lies, or another mark to compare with."""
    reason: str = ""


def metric_names(measured: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """List the quality metrics that occur, the known ones first."""
    names = dict.fromkeys(name for metrics in measured for name in metrics)
    known = [name for name in METRIC_LABELS if name in names]
    return (*known, *(name for name in names if name not in METRIC_LABELS))


def shared_scale(measured: Iterable[MeasuredMetric | None]) -> AxisScale | None:
    """Find the scale that holds all values and intervals; None without a value."""
    ends = [
        end
        for entry in measured
        if entry is not None and entry.value is not None
        for end in (entry.value, entry.low, entry.high)
        if end is not None
    ]
    return padded(ends) if ends else None


def interval_cell(
    metric: MeasuredMetric | None, scale: AxisScale | None, reference: float | None = None, *, digits: int = 4
) -> IntervalCell:
    """Place a metric on a scale."""
    if metric is None:
        return IntervalCell(number(None), "")
    if metric.value is None or scale is None:
        return IntervalCell("undefined", "", reason=metric.reason or "")
    low, high = (metric.low, metric.high) if metric.low is not None and metric.high is not None else (None, None)
    return IntervalCell(
        text=number(metric.value, digits),
        interval=interval_text(low, high, digits),
        at=scale.share(metric.value),
        low=None if low is None else scale.share(low),
        high=None if high is None else scale.share(high),
        reference=None if reference is None else scale.share(reference),
        reason="" if low is not None else metric.reason or "",
    )
