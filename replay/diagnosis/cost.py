"""What an incident cost in quality, and how much of it each cause explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.metrics.auc import Auc
from replay.metrics.calibration import Calibration
from replay.metrics.functional.terms import row_terms
from replay.metrics.influence import AucInfluence
from replay.metrics.ne import NormalizedEntropy
from replay.metrics.ratio import RatioTerms, measure_change
from replay.metrics.state import RatioMetric
from replay.metrics.usable import labelled_rows
from replay.metrics.value import NO_ROWS, MetricValue, undefined

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

NO_LOSS = "the whole difference is not told from 0, so that it has no shares"


@dataclass(frozen=True)
class MetricCost:
    """One metric of the scores as served and as replayed, on the same rows.

    Attributes:
        online: Of the online scores.
        replayed: Of the replayed scores.
        loss: For ``auc`` replayed - online, for ``ne`` and ``calibration`` online - replayed; its interval is paired.
            Of ``auc`` and ``ne`` a positive loss is quality lost.
    """

    online: MetricValue
    replayed: MetricValue
    loss: MetricValue


@dataclass(frozen=True)
class CausePart:
    """What the window would have lost less, had one cause alone been repaired.

    Attributes:
        regained: The metric's loss as served minus its loss with this cause's rows repaired; its interval is paired.
        share: Of the whole loss; None where that is not told from 0, with the reason.
        reason: Why ``share`` is None.
    """

    regained: MetricValue
    share: float | None
    reason: str | None = None


@dataclass(frozen=True)
class QualityLoss:
    """What an incident cost.

    Attributes:
        metrics: Of ``auc``, ``ne`` and ``calibration``.
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
        name: MetricCost(pair.value(name, served), pair.value(name, right), pair.loss(name, served, right))
        for name in _METRICS
    }
    causes = {}
    for cause, mask in (explained or {}).items():
        repaired = np.where(mask[used], right, served)
        causes[cause] = {name: _part(pair.loss(name, served, repaired), metrics[name].loss) for name in _METRICS}
    return QualityLoss(metrics, causes, int(np.count_nonzero(used)))


_RATIOS: Mapping[str, type[RatioMetric]] = {"ne": NormalizedEntropy, "calibration": Calibration}
_METRICS = ("auc", *_RATIOS)


@dataclass(frozen=True, eq=False)
class _ScoredPairs:
    """Labels, weights and clusters of rows that are scored twice."""

    label: Array
    weight: Array | None
    group: NDArray[np.generic] | None

    def value(self, name: str, score: Array) -> MetricValue:
        if name != "auc":
            return _RATIOS[name]().update(score, self.label, self.weight, self.group).compute()
        state = Auc().update(score, self.label, self.weight)
        if self.group is None or state.histogram is None:
            return state.compute()
        return AucInfluence(state.histogram).update(score, self.label, self.weight, self.group).compute()

    def loss(self, name: str, served: Array, better: Array) -> MetricValue:
        """How much better ``better`` is than what was served."""
        if not len(served):
            return undefined(0, NO_ROWS)
        if name != "auc":
            return self._ratio_loss(_RATIOS[name], served, better)
        ours = Auc().update(served, self.label, self.weight).histogram
        theirs = Auc().update(better, self.label, self.weight).histogram
        if ours is None or theirs is None:
            return undefined(0, NO_ROWS)
        return AucInfluence(ours, theirs).update(served, self.label, self.weight, self.group, better).compute()

    def _ratio_loss(self, metric: type[RatioMetric], served: Array, better: Array) -> MetricValue:
        sides = [self._side(metric, score) for score in (served, better)]
        terms = [row_terms(score, self.label, self.weight) for score in (served, better)]
        return measure_change(metric.formula, sides[0], sides[1], terms[0] @ terms[1].T)

    def _side(self, metric: type[RatioMetric], score: Array) -> RatioTerms:
        state = metric().update(score, self.label, self.weight, self.group)
        return RatioTerms(state.sums, state.moments, state.rows, state.num_outside, state.by_cluster)


def _part(regained: MetricValue, whole: MetricValue) -> CausePart:
    if regained.value is None or whole.value is None:
        return CausePart(regained, None, whole.reason or regained.reason)
    if whole.low is None or whole.high is None or whole.low <= 0.0 <= whole.high:
        return CausePart(regained, None, NO_LOSS)
    return CausePart(regained, regained.value / whole.value)
