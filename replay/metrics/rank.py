"""What a change of scores does to the order within groups, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from replay.metrics.order import ORDER_METRICS, OrderMetric
from replay.metrics.value import MetricValue


@dataclass(frozen=True, slots=True)
class GroupMean:
    """A mean over groups, every group counting once."""

    value: float | None
    """None where no group defines it; never NaN."""
    low: float | None
    """Lower end of the 95% interval over groups; None with fewer than two."""
    high: float | None
    groups: int
    """Groups that define it."""
    rows: int
    """Their rows."""
    reason: str | None = field(default=None, metadata={"optional": True})
    """Why there is no value."""

    def as_metric(self) -> MetricValue:
        """The same as a metric of those rows."""
        return MetricValue(self.value, self.low, self.high, self.rows, self.reason)


@dataclass(frozen=True, slots=True)
class RankChange:
    """How a variant orders the rows of a group, against what it is compared with."""

    groups: int
    """Groups with at least two rows that both sides score."""
    kendall_tau: GroupMean
    """Kendall's tau-b: 1 for the same order, -1 for the reverse."""
    top_k: Mapping[str, GroupMean]
    """By k: share of the k highest rows that are the same, over groups of more than k rows."""
    ndcg_change: Mapping[str, GroupMean]
    """By k: NDCG@k less that of the other side, over groups with a positive label; empty without a label."""

    def metrics(self) -> dict[str, GroupMean]:
        """All of it by the name of the metric."""
        return {metric.name(k): mean for metric, k, mean in self.means()}

    def means(self) -> Iterator[tuple[type[OrderMetric], str, GroupMean]]:
        """Every metric with its k and its mean."""
        for key, metric in ORDER_METRICS.items():
            found = getattr(self, key)
            yield from ((metric, k, mean) for k, mean in (found if metric.by_k else {"": found}).items())
