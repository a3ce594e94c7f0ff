"""Quality against the label: a forest of intervals on one scale per metric."""

from __future__ import annotations

from dataclasses import dataclass

from replay.report.charts.intervals import IntervalCell, interval_cell, metric_names, shared_scale
from replay.report.summary import Summary
from replay.report.summary.data import ONLINE
from replay.report.words.losses import METRIC_LABELS


@dataclass(frozen=True)
class QualityTable:
    """Quality against the label: a line per variant, a column per metric."""

    columns: tuple[str, ...]
    lines: tuple[tuple[str, tuple[IntervalCell, ...]], ...]


def quality_table(summary: Summary) -> QualityTable | None:
    """Lay out quality with intervals, the online score's own first; None without a label."""
    lines = {ONLINE: summary.online_metrics} if summary.online_metrics else {}
    lines.update({name: variant.metrics for name, variant in summary.variants.items() if variant.metrics})
    if not lines:
        return None
    names = metric_names(lines.values())
    scales = {name: shared_scale(metrics.get(name) for metrics in lines.values()) for name in names}
    online = {name: metric.value for name, metric in summary.online_metrics.items()}
    return QualityTable(
        columns=tuple(METRIC_LABELS.get(name, name) for name in names),
        lines=tuple(
            (
                line,
                tuple(
                    interval_cell(metrics.get(name), scales[name], None if line == ONLINE else online.get(name))
                    for name in names
                ),
            )
            for line, metrics in lines.items()
        ),
    )
