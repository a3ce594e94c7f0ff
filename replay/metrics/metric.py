"""What a metric of scores against labels is: a mergeable state, and how it is called. Found by name in ``METRICS``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from numpy.typing import NDArray

from replay.metrics.terms import Term
from replay.metrics.usable import Array, Excluded, LabelledScores, usable_rows
from replay.metrics.value import FEWEST, MetricValue
from replay.registry import Registry


@dataclass(frozen=True, slots=True)
class MetricChange:
    """The change of a metric against a baseline, as it is measured and called.

    Attributes:
        name: In tables, gates and ``summary.json``: ``auc_drop``.
        label: In tables of a report: ``AUC drop``.
        above: Words before the size of a change above 0: ``AUC fell by``.
        below: Words before the size of a change below 0: ``AUC rose by``.
        sign: 1 for variant - baseline; -1 for baseline - variant.
    """

    name: str
    label: str
    above: str
    below: str
    sign: Literal[1, -1] = 1

    def of(self, variant: float, baseline: float) -> float:
        """The change from the two values.

        >>> MetricChange("auc_drop", "AUC drop", "AUC fell by", "AUC rose by", sign=-1).of(0.25, 0.75)
        0.5
        """
        return variant - baseline if self.sign > 0 else baseline - variant


class Metric(ABC):
    """A mergeable metric: picklable, and K merged shards equal one pass (up to float64 rounding of the order of sums).

    A kind of metric is a class; an object is its state. Kinds derive from ``RatioMetric`` or ``HistogramMetric``.

    Attributes:
        name: In tables, gates and ``summary.json``: ``auc``.
        label: In tables of a report: ``AUC``.
        good: Which values are good: ``higher`` or ``lower`` ones, or those near ``one``.
        change: Its change against the baseline; None where it is not measured.
        fewest: Effective rows of either class that an interval takes.
        terms: What a row adds to the sums that are under it, where it is a ratio of sums.
        rows: Rows that the metric uses.
        excluded: Rows that it can't use, by reason.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    good: ClassVar[Literal["higher", "lower", "one"]]
    change: ClassVar[MetricChange | None] = None
    fewest: ClassVar[int] = FEWEST
    terms: ClassVar[tuple[Term, ...]] = ()

    @classmethod
    def change_text(cls, here: str, there: str) -> str | None:
        """What the change is: ``AUC of the baseline less that of the variant.``; None where it isn't measured."""
        if cls.change is None:
            return None
        first, second = (here, there) if cls.change.sign > 0 else (there, here)
        return f"{cls.label} of the {first} less that of the {second}."

    def __init__(self) -> None:
        self.rows = 0
        self.excluded = Excluded()
        self._clustered: bool | None = None

    @classmethod
    def measure(
        cls, score: Array, label: Array, weight: Array | None = None, cluster: NDArray[Any] | None = None
    ) -> MetricValue:
        """The metric of rows in memory, with its interval: clustered where ``cluster`` is given. See ``update``."""
        return cls().update(score, label, weight, cluster).compute()

    @classmethod
    @abstractmethod
    def measure_change(
        cls,
        score: Array,
        baseline: Array,
        label: Array,
        weight: Array | None = None,
        cluster: NDArray[Any] | None = None,
    ) -> MetricValue:
        """The change from one score to another of the same rows in memory, with a paired interval.

        Args:
            score: ``(num_rows,)``, the variant's, finite.
            baseline: ``(num_rows,)``, finite.
            label: ``(num_rows,)``, 0 or 1.
            weight: ``(num_rows,)``, non-negative; None for ones.
            cluster: ``(num_rows,)``, integer ids of rows that are not independent; None: all are.

        Raises:
            ValueError: The metric's change is not measured.
        """

    def update(
        self,
        score: NDArray[Any],
        label: NDArray[Any],
        weight: NDArray[Any] | None = None,
        cluster: NDArray[Any] | None = None,
    ) -> Self:
        """Add rows.

        Args:
            score: ``(num_rows,)``; rows with a non-finite score are counted in ``excluded``.
            label: ``(num_rows,)``, 0 or 1; NaN is no label.
            weight: ``(num_rows,)``, non-negative; None for ones.
            cluster: ``(num_rows,)``, integer ids of rows that are not independent (a request); None: all are. Give it
                always or never.

        Raises:
            ValueError: Columns differ in length, or `cluster` was given to some updates only.
        """
        rows = usable_rows(score, label, weight, cluster)
        if len(score):
            self._note_clustered(cluster is not None)
        self.rows += rows.score.size
        self.excluded.add(rows.excluded)
        if rows.score.size:
            self._add(rows)
        return self

    def merge(self, other: Self) -> Self:
        """Add another state; ``other`` stays as it is."""
        if other._clustered is not None:
            self._note_clustered(other._clustered)
        self.rows += other.rows
        self.excluded.add(other.excluded)
        self._merge(other)
        return self

    def _note_clustered(self, clustered: bool) -> None:
        if self._clustered not in (None, clustered):
            raise ValueError("found rows with and without `cluster` in one metric: give it always or never")
        self._clustered = clustered

    @abstractmethod
    def compute(self) -> MetricValue:
        """The metric with its 95% interval, or the reason why there is none. Changes nothing."""

    @abstractmethod
    def _add(self, rows: LabelledScores) -> None: ...

    @abstractmethod
    def _merge(self, other: Self) -> None: ...


METRICS: Registry[type[Metric]] = Registry("metric", "replay.metrics.kinds")


def changed_metrics() -> Mapping[str, type[Metric]]:
    """The metrics whose change is measured, by the name of the change."""
    return {metric.change.name: metric for metric in METRICS.values() if metric.change is not None}


def losses() -> Mapping[str, type[Metric]]:
    """Those of which a change above 0 is a loss of quality: a metric that is good near 1 may move either way."""
    return {name: metric for name, metric in changed_metrics().items() if metric.good != "one"}
