"""What an incident cost in quality, and how much of it each cause explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.metrics.metric import Metric, changed_metrics
from replay.metrics.usable import Array, labelled_rows
from replay.metrics.value import MetricValue

Mask = NDArray[np.bool_]

NO_LOSS = "the whole difference is not told from 0, so that it has no shares"


@dataclass(frozen=True)
class MetricCost:
    """One metric of the scores as served and as replayed, on the same rows.

    Attributes:
        online: Of the online scores.
        replayed: Of the replayed scores.
        loss: The metric's change from the replayed to the online scores, such as ``auc_drop``; its interval is paired.
    """

    online: MetricValue
    replayed: MetricValue
    loss: MetricValue


@dataclass(frozen=True)
class CausePart:
    """What the window would have lost less, had one cause alone been repaired.

    Attributes:
        regained: The metric's loss as served minus its loss with this cause's rows repaired; its interval is paired.
        share: Of the whole loss; None where that cannot be distinguished from 0, with the reason.
        reason: Why ``share`` is None.
    """

    regained: MetricValue
    share: float | None
    reason: str | None = None


@dataclass(frozen=True)
class QualityLoss:
    """What an incident cost.

    Attributes:
        metrics: By name of every metric whose change is measured.
        causes: By cause and metric. Parts of several causes need not sum to the whole: metrics are not linear.
        rows: Rows with both scores, a label and a weight.
    """

    metrics: Mapping[str, MetricCost]
    causes: Mapping[str, Mapping[str, CausePart]]
    rows: int


def quality_loss(
    online: Array,
    replayed: Array,
    label: NDArray[np.generic],
    *,
    weight: Array | None = None,
    group: NDArray[np.generic] | None = None,
    explained: Mapping[str, Mask] | None = None,
) -> QualityLoss:
    """Measure what online scores lost against replayed ones.

    Args:
        online: ``(num_rows,)`` float64, what online answered.
        replayed: ``(num_rows,)`` float64, what it should have answered.
        label: ``(num_rows,)``, 0 or 1; NaN is no label.
        weight: ``(num_rows,)``; where rows are a sample, times the number of rows that each stands for. None: ones.
        group: ``(num_rows,)`` integers, rows that are not independent. None: all are.
        explained: By the cause's name ``(num_rows,)``, rows that it explains: they are repaired, the others kept.

    Returns:
        Metrics that are not defined are None with their reason.

    Raises:
        ValueError: The lengths differ.
    """
    given = {"replayed": replayed, "label": label, "weight": weight, "group": group, **(explained or {})}
    wrong = {name: len(column) for name, column in given.items() if column is not None and len(column) != len(online)}
    if wrong:
        raise ValueError(f"found {wrong}, expected {len(online)} rows in every column as in `online`")
    labels = np.asarray(label, dtype=np.float64)
    used = labelled_rows(labels, weight).mask & np.isfinite(online) & np.isfinite(replayed)
    pair = _ScoredPairs(labels[used], None if weight is None else weight[used], None if group is None else group[used])
    served, right = online[used], replayed[used]
    metrics = {
        metric.name: MetricCost(pair.value(metric, served), pair.value(metric, right), pair.loss(metric, served, right))
        for metric in changed_metrics().values()
    }
    causes = {}
    for cause, mask in (explained or {}).items():
        repaired = np.where(mask[used], right, served)
        causes[cause] = {
            metric.name: _part(pair.loss(metric, served, repaired), metrics[metric.name].loss)
            for metric in changed_metrics().values()
        }
    return QualityLoss(metrics, causes, int(np.count_nonzero(used)))


@dataclass(frozen=True, eq=False)
class _ScoredPairs:
    """Labels, weights and clusters of rows that are scored twice."""

    label: Array
    weight: Array | None
    group: NDArray[np.generic] | None

    def value(self, metric: type[Metric], score: Array) -> MetricValue:
        return metric.measure(score, self.label, self.weight, self.group)

    def loss(self, metric: type[Metric], served: Array, better: Array) -> MetricValue:
        """How much better ``better`` is than what was served."""
        return metric.measure_change(served, better, self.label, self.weight, self.group)


def _part(regained: MetricValue, whole: MetricValue) -> CausePart:
    if regained.value is None or whole.value is None:
        return CausePart(regained, None, whole.reason or regained.reason)
    if whole.low is None or whole.high is None or whole.low <= 0.0 <= whole.high:
        return CausePart(regained, None, NO_LOSS)
    return CausePart(regained, regained.value / whole.value)
