"""Names of the losses, wherever they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from replay.metrics.metric import METRICS, Metric, changed_metrics, losses
from replay.report.summary import Comparison

LOSSES = {
    **{metric.change.name: metric.change.label for metric in losses().values() if metric.change is not None},
    "mean_abs": "mean |difference|",
    "mismatch_rate": "share beyond tolerance",
}

METRIC_LABELS = {name: metric.label for name, metric in METRICS.items()}
"""What the metrics are called, in the order they are shown."""

_SUMS_FIRST = ("lower", "higher", "one")


def costs() -> Mapping[str, type[Metric]]:
    """Changes of quality in the order in which the cost of an incident is listed.

    A loss that rows add up to comes first, then what depends on their order, then what may move either way.
    """
    changes = sorted(changed_metrics().items(), key=lambda entry: _SUMS_FIRST.index(entry[1].good))
    return dict(changes)


def measured_loss(comparisons: Iterable[Comparison]) -> str:
    """The first loss of quality that all comparisons have; ``mean_abs`` where there is none."""
    entries = list(comparisons)
    return next(
        (name for name in losses() if all(entry.change(name).value is not None for entry in entries)), "mean_abs"
    )
