"""How two scores order the rows of a group: ranks, the metrics of order that are computed from them, and their means.

Rows of a group are neighbours, and groups are given by offsets, so that a million groups of ten rows and one group of
ten million go the same vectorised way in O(n log n). The highest score ranks first. No score here may be NaN.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from replay.metrics.histogram import ordered_bits
from replay.metrics.usable import Array
from replay.metrics.value import MetricValue
from replay.registry import Registry

Codes = NDArray[np.int64]

RANK_SHIFT = np.uint64(32)
RANK_LOW = np.uint64(2**32 - 1)
"""Two numbers below 2**32 in one key, so that one sort orders by both."""

_FLOAT32_ENDS = np.uint64(29)
"""Bits that no float32 uses at the end of a float64."""
_SCORE_BITS = np.uint64(35)
_SCORE_LOW = np.uint64(2**35 - 1)


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows in groups that are neighbours.

    Attributes:
        offsets: ``(num_groups + 1,)``, strictly ascending from 0: no group is empty.
        of_row: ``(num_rows,)``: the group of each row.
    """

    offsets: Codes
    of_row: Codes

    @classmethod
    def of_sizes(cls, sizes: NDArray[Any]) -> Groups:
        """Make groups of ``(num_groups,)`` rows, each at least 1."""
        offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        return cls(offsets, np.repeat(np.arange(len(sizes)), sizes))

    @property
    def sizes(self) -> Codes:
        """Rows of each group, ``(num_groups,)``."""
        return np.diff(self.offsets)

    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sum over each group, ``(num_groups,)``."""
        if values.size == 0:
            return np.zeros(0, dtype=values.dtype)
        found: NDArray[Any] = np.add.reduceat(values, self.offsets[:-1])
        return found


@dataclass(frozen=True, slots=True)
class Ranks:
    """Where each row stands in its group by a score. Arrays are ``(num_rows,)``, in the order of the rows.

    Attributes:
        above: Rows of the group with a higher score.
        tied: Rows of the group with the same score, the row itself included.
    """

    above: Codes
    tied: Codes

    def take(self, rows: Codes) -> Ranks:
        """The ranks of some rows; of a group, all or none."""
        return Ranks(self.above[rows], self.tied[rows])


def rank(score: Array, groups: Groups) -> Ranks:
    """Rank the rows of each group, highest score first.

    >>> rank(np.array([0.1, 0.9, 0.9, 0.5]), Groups.of_sizes(np.array([3, 1])))
    Ranks(above=array([2, 0, 0, 0]), tied=array([1, 2, 2, 1]))
    """
    bits = ordered_bits(score) >> _FLOAT32_ENDS
    if not np.array_equal(bits << _FLOAT32_ENDS, ordered_bits(score)):
        # Scores of more digits than a float32's keep their order by their place among all distinct ones.
        bits = np.unique(score, return_inverse=True)[1].astype(np.uint64)
    keys = (groups.of_row.astype(np.uint64) << _SCORE_BITS) | (bits ^ _SCORE_LOW)
    order = np.argsort(keys)
    ordered = keys[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sizes = np.diff(np.append(first, keys.size))
    above, tied = np.empty(keys.size, dtype=np.int64), np.empty(keys.size, dtype=np.int64)
    above[order] = np.repeat(first, sizes)
    above -= groups.offsets[groups.of_row]
    tied[order] = np.repeat(sizes, sizes)
    return Ranks(above, tied)


class OrderMetric(ABC):
    """A metric of what a change of scores does to the order within groups: one value for each group, then their mean.

    Attributes:
        key: Under which ``summary.json`` has it in ``rank``: a field of ``RankChange``.
        by_k: Whether it looks at the k highest rows, for each of several k.
        labelled: Whether it needs labels.
        same: Its value in a group whose order did not change.
        span: The least and the largest value.
        name_of_k: Its name in tables and gates; ``{k}`` stands for k.
        label_of_k: Its name in a report.
        undefined_of_k: Why no group defines it, where there are groups of two rows that both sides score.
    """

    key: ClassVar[str]
    by_k: ClassVar[bool]
    labelled: ClassVar[bool] = False
    same: ClassVar[float]
    span: ClassVar[tuple[float, float]]
    name_of_k: ClassVar[str]
    label_of_k: ClassVar[str]
    undefined_of_k: ClassVar[str]

    @classmethod
    def name(cls, k: int | str) -> str:
        """In tables and gates."""
        return cls.name_of_k.format(k=k)

    @classmethod
    def label(cls, k: int | str) -> str:
        """In a report."""
        return cls.label_of_k.format(k=k)

    @classmethod
    def why_undefined(cls, k: int) -> str:
        """Why no group defines it, where there are groups of two rows that both sides score."""
        return cls.undefined_of_k.format(k=k)

    @staticmethod
    @abstractmethod
    def off(left: Ranks, right: Ranks, groups: Groups, label: Array, k: int) -> Array:
        """How far each group's value is from ``same``, ``(num_groups,)``; NaN where a group does not define it.

        Args:
            left: Of the score.
            right: Of the score that it is compared with.
            groups: Of the rows.
            label: ``(num_rows,)``, 0 or 1; of a metric without labels, nothing of use.
            k: Highest rows to look at; of a metric that looks at all, nothing of use.
        """


ORDER_METRICS: Registry[type[OrderMetric]] = Registry("metric of order", "replay.metrics.kinds")


def order_measures(top_k: tuple[int, ...], *, labelled: bool) -> tuple[tuple[type[OrderMetric], int], ...]:
    """Every metric with every k, those without labels first; where a metric looks at all rows, k is 0."""
    found = [
        (metric, k)
        for metric in ORDER_METRICS.values()
        for k in (top_k if metric.by_k else (0,))
        if labelled or not metric.labelled
    ]
    return tuple(sorted(found, key=lambda measure: measure[0].labelled))


@dataclass(frozen=True, slots=True)
class GroupMean:
    """A mean over groups, every group counting once."""

    value: float | None
    """None where no group defines it; never NaN."""
    low: float | None
    """Lower end of the 95% interval over groups; None with fewer than five."""
    high: float | None
    groups: int
    """Groups that define it."""
    rows: int
    """Their rows."""
    reason: str | None = field(default=None, metadata={"optional": True})
    """Why there is no value; or, where there is one, why it has no interval."""

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
