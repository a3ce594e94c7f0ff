"""Metrics with intervals, side by side on one scale: the forest plots of quality and slices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from replay.metrics.row import MetricRow
from replay.metrics.value import MetricValue
from replay.report.charts.geometry import AxisScale, padded
from replay.report.words.numbers import number

METRICS = {"auc": "AUC", "ne": "NE", "logloss": "Log loss", "calibration": "Calibration", "log_mae": "Log MAE"}
"""Labels of the quality metrics, in the order they are shown; others follow under their own names."""

Measured = MetricValue | MetricRow


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


def metric_names(found: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """List the quality metrics that occur, the known ones first."""
    names = dict.fromkeys(name for metrics in found for name in metrics)
    known = [name for name in METRICS if name in names]
    return (*known, *(name for name in names if name not in METRICS))


def shared_scale(found: Iterable[Measured | None]) -> AxisScale | None:
    """Find the scale that holds all values and intervals; None without a value."""
    ends = [
        end
        for entry in found
        if entry is not None and entry.value is not None
        for end in (entry.value, entry.low, entry.high)
        if end is not None
    ]
    return padded(ends) if ends else None


def interval_cell(
    found: Measured | None, scale: AxisScale | None, reference: float | None = None, *, digits: int = 4
) -> IntervalCell:
    """Place a metric on a scale."""
    if found is None:
        return IntervalCell(number(None), "")
    if found.value is None or scale is None:
        return IntervalCell("undefined", "", reason=found.reason or "")
    ends: Sequence[float | None] = (found.low, found.high)
    known = [end for end in ends if end is not None]
    return IntervalCell(
        text=number(found.value, digits),
        interval=" to ".join(number(end, digits) for end in known) if len(known) == len(ends) else "",
        at=scale.share(found.value),
        low=scale.share(known[0]) if len(known) == len(ends) else None,
        high=scale.share(known[1]) if len(known) == len(ends) else None,
        reference=None if reference is None else scale.share(reference),
    )
