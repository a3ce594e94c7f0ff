"""Metrics of a histogram of scores by label: what ranks, or buckets of scores, say.

What a row adds to such a metric depends on the whole histogram. One pass gives the value, and the interval where rows
are independent; once the histogram is known, a second pass sums what each row adds by cluster, which gives the
clustered variance (for AUC: Obuchowski 1997), or subtracts what it adds to a baseline's metric, which gives the paired
variance of a change (for AUC: DeLong et al. 1988, whose covariance it is), or both at once.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from replay.metrics.cluster import CLUSTERS, added_to, cluster_codes, cluster_variance
from replay.metrics.histogram import MAX_BINS, Histogram
from replay.metrics.influence_table import InfluenceTable
from replay.metrics.interval import Interval, wald
from replay.metrics.metric import METRICS, Metric
from replay.metrics.usable import Array, Excluded, LabelledScores, labelled_rows
from replay.metrics.value import NO_ROWS, ONE_CLASS, ZERO_WEIGHT, MetricValue, undefined

NEGATIVE, POSITIVE = 0, 1
"""Classes of the histogram; any other is left out."""

ClassRows = tuple[float, float]


@dataclass(frozen=True, slots=True)
class HistogramReading:
    """What a histogram says about a metric.

    Attributes:
        value: NaN where it is not defined.
        influence: ``(num_bins, 2)``: what a row of unit weight adds to value - E[value], by class (negative, positive).
        variance: For independent rows; NaN where it cannot be told.
        class_rows: Rows of each class.
        error_bound: The metric of the unbinned scores lies within this of ``value``; 0 for an exact histogram, or where
            no bound is known.
        reason: Why it is not defined, or None.
    """

    value: float
    influence: Array
    variance: float
    class_rows: ClassRows
    error_bound: float = 0.0
    reason: str | None = None

    @classmethod
    def undefined(cls, histogram: Histogram, reason: str) -> HistogramReading:
        """That the metric is not defined."""
        none = np.zeros((histogram.keys.size, 2))
        return cls(math.nan, none, math.nan, class_rows(histogram), reason=reason)

    @property
    def rows(self) -> int:
        """Rows of both classes."""
        return round(sum(self.class_rows))


def class_rows(histogram: Histogram) -> ClassRows:
    """Rows of each class (negative, positive)."""
    return (float(histogram.counts(NEGATIVE).sum()), float(histogram.counts(POSITIVE).sum()))


def why_not_two_classes(histogram: Histogram) -> str | None:
    """Why the labels are not of two classes, or None where they are."""
    below, above = float(histogram.weights(NEGATIVE).sum()), float(histogram.weights(POSITIVE).sum())
    if sum(class_rows(histogram)) == 0:
        return NO_ROWS
    if below + above <= 0:
        return ZERO_WEIGHT
    return ONE_CLASS if below <= 0 or above <= 0 else None


class HistogramMetric(Metric):
    """A metric of a histogram of scores by label.

    With ``cluster`` one pass gives the value but no interval: sums by cluster need a second pass
    (``HistogramInfluence``).

    Args:
        max_bins: Distinct scores kept apart; above it scores share bins.

    Attributes:
        bounded: Whether the effect of sharing bins has a known bound; then it is reported.
        histogram: Of scores by label; None before the first usable row.
    """

    bounded = False

    def __init__(self, *, max_bins: int = MAX_BINS) -> None:
        super().__init__()
        self.max_bins = max_bins
        self.histogram: Histogram | None = None

    @classmethod
    @abstractmethod
    def read(cls, histogram: Histogram) -> HistogramReading:
        """Compute the metric and its influence; classes 0 and 1 of the histogram are the labels."""

    @classmethod
    def interval(cls, reading: HistogramReading, variance: float, degrees: float = np.inf) -> Interval:
        """The 95% interval of a defined value; as it stands here Wald's, cut at 0."""
        return wald(reading.value, variance, degrees=degrees, floor=0.0)

    @classmethod
    def variance_of(cls, squares: Array, rows: ClassRows) -> float:
        """Variance for independent rows.

        Args:
            squares: ``(2,)``: sums of squared influences by class.
            rows: Rows of each class, for kinds that correct for small samples.
        """
        del rows
        return float(np.sum(squares))

    @classmethod
    def row_variance(cls, influence: Array, histogram: Histogram) -> float:
        """Variance for independent rows from what a row of each bin adds, ``(num_bins, 2)``."""
        by_class = [np.dot(histogram.squares(label), influence[:, label] ** 2) for label in (NEGATIVE, POSITIVE)]
        return cls.variance_of(np.array(by_class), class_rows(histogram))

    @classmethod
    def answer(cls, reading: HistogramReading, variance: float, degrees: float = np.inf) -> MetricValue:
        """The metric with the interval of a variance; NaN is none."""
        if reading.reason is not None:
            return undefined(reading.rows, reading.reason)
        return MetricValue(reading.value, *cls.interval(reading, variance, degrees), reading.rows)

    def _add(self, rows: LabelledScores) -> None:
        self._like(weighted=rows.weight is not None).add(rows.score, rows.label, rows.weight)

    def _merge(self, other: Self) -> None:
        if other.histogram is not None:
            self._like(weighted=other.histogram.weighted).merge(other.histogram)

    def _like(self, *, weighted: bool) -> Histogram:
        if self.histogram is None:
            self.histogram = Histogram(2, weighted=weighted, max_bins=self.max_bins)
        if self.histogram.weighted != weighted:
            raise ValueError("found rows with and without `weight` in one metric: give it always or never")
        return self.histogram

    def compute(self) -> MetricValue:
        """The metric with its 95% interval (none for clustered rows), or the reason why there is none."""
        if self.histogram is None:
            return undefined(self.rows, NO_ROWS)
        reading = self.read(self.histogram)
        found = self.answer(reading, reading.variance)
        return replace(found, low=None, high=None) if self._clustered else found

    @classmethod
    def measure(
        cls, score: Array, label: Array, weight: Array | None = None, cluster: NDArray[Any] | None = None
    ) -> MetricValue:
        """The metric of rows in memory, with its interval: clustered where ``cluster`` is given. See ``update``."""
        first = cls().update(score, label, weight)
        if cluster is None or first.histogram is None:
            return first.compute()
        return HistogramInfluence(cls, first.histogram).update(score, label, weight, cluster).compute()

    @classmethod
    def measure_change(
        cls,
        score: Array,
        baseline: Array,
        label: Array,
        weight: Array | None = None,
        cluster: NDArray[Any] | None = None,
    ) -> MetricValue:
        """See ``Metric.measure_change``."""
        here, there = (cls().update(side, label, weight).histogram for side in (score, baseline))
        if here is None or there is None:
            return undefined(0, NO_ROWS)
        return HistogramInfluence(cls, here, there).update(score, label, weight, cluster, baseline).compute()


def histogram_metrics() -> dict[str, type[HistogramMetric]]:
    """The metrics of a histogram by name, in order."""
    return {name: metric for name, metric in METRICS.items() if issubclass(metric, HistogramMetric)}


def bounded_metrics() -> tuple[str, ...]:
    """Those for which the effect of sharing bins has a known bound."""
    return tuple(name for name, metric in histogram_metrics().items() if metric.bounded)


class HistogramInfluence:
    """The second pass of a metric: its clustered interval, or the paired interval of its change against a baseline.

    A row that only one of variant and baseline scores adds its one influence to the change.

    Args:
        metric: The metric.
        histogram: The variant's merged histogram of the first pass.
        baseline: The baseline's, for the change; None for the metric itself.

    >>> from replay.metrics.kinds.auc import Auc
    >>> score, label = np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])
    >>> first = Auc().update(score, label)
    >>> HistogramInfluence(Auc, first.histogram).update(score, label).compute() == first.compute()
    True

    Raises:
        ValueError: A baseline of a metric whose change is not measured.
    """

    def __init__(self, metric: type[HistogramMetric], histogram: Histogram, baseline: Histogram | None = None) -> None:
        if baseline is not None and metric.change is None:
            raise ValueError(f"found {metric.name!r}, expected a metric that says what its change is called")
        self.metric = metric
        self.reading = metric.read(histogram)
        self.table = InfluenceTable.of(histogram, self.reading.influence)
        self.baseline_reading = None if baseline is None else metric.read(baseline)
        self.baseline_table = None
        if baseline is not None and self.baseline_reading is not None:
            self.baseline_table = InfluenceTable.of(baseline, self.baseline_reading.influence)
        self.rows = 0
        self.excluded = Excluded()
        self.squares = np.zeros(2)
        self.by_cluster: Array | None = None
        self.cluster_rows: NDArray[np.int64] = np.zeros(CLUSTERS, dtype=np.int64)

    def update(
        self,
        score: NDArray[Any],
        label: NDArray[Any],
        weight: NDArray[Any] | None = None,
        cluster: NDArray[Any] | None = None,
        baseline_score: NDArray[Any] | None = None,
    ) -> Self:
        """Add the same rows as in the first pass.

        Args:
            score: ``(num_rows,)``, the variant's.
            label: ``(num_rows,)``, 0 or 1; NaN is no label.
            weight: ``(num_rows,)``; None for ones.
            cluster: ``(num_rows,)``, integer ids of rows that are not independent.
            baseline_score: ``(num_rows,)``, the baseline's; required where the state was made with one.

        Raises:
            ValueError: A score that the first pass did not see, or no `baseline_score` where one is needed.
        """
        if (baseline_score is None) != (self.baseline_table is None):
            raise ValueError("give `baseline_score` exactly where the state was made with a baseline's histogram")
        scores, labels = np.asarray(score, dtype=np.float64), np.asarray(label, dtype=np.float64)
        weights = None if weight is None else np.asarray(weight, dtype=np.float64)
        found = labelled_rows(labels, weights)
        used = found.mask & np.isfinite(scores)
        found.excluded.score_non_finite = int(np.count_nonzero(found.mask)) - int(np.count_nonzero(used))
        influence = self.table.influence_where(used, scores, labels, weights)[:, 0]
        if self.baseline_table is not None:
            baseline = np.asarray(baseline_score, dtype=np.float64)
            scored = found.mask & np.isfinite(baseline)
            influence = self.baseline_table.influence_where(scored, baseline, labels, weights)[:, 0] - influence
            used = used | scored
        self.rows += int(np.count_nonzero(used))
        self.excluded.add(found.excluded)
        self.squares += np.bincount(labels[used].astype(np.int64), weights=influence[used] ** 2, minlength=2)
        if cluster is not None:
            self._add_clusters(cluster_codes(np.asarray(cluster)[used]), influence[used])
        return self

    def _add_clusters(self, codes: NDArray[np.int64], influence: Array) -> None:
        self.by_cluster = added_to(self.by_cluster, np.bincount(codes, weights=influence, minlength=CLUSTERS))
        self.cluster_rows = self.cluster_rows + np.bincount(codes, minlength=CLUSTERS)

    def merge(self, other: Self) -> Self:
        """Add another state made from the same histograms; ``other`` stays as it is."""
        self.rows += other.rows
        self.excluded.add(other.excluded)
        self.squares = self.squares + other.squares
        self.cluster_rows = self.cluster_rows + other.cluster_rows
        if other.by_cluster is not None:
            self.by_cluster = added_to(self.by_cluster, other.by_cluster)
        return self

    def compute(self) -> MetricValue:
        """The metric, or its change, with the 95% interval of this pass."""
        for reading in (self.reading, self.baseline_reading):
            if reading is not None and reading.reason is not None:
                return undefined(self.rows, reading.reason)
        variance, degrees = self._variance()
        if self.baseline_reading is None or self.metric.change is None:
            low, high = self.metric.interval(self.reading, variance, degrees)
            return MetricValue(self.reading.value, low, high, self.rows)
        change = self.metric.change.of(self.reading.value, self.baseline_reading.value)
        low, high = wald(change, variance, degrees=degrees)
        return MetricValue(change, low, high, self.rows)

    def _variance(self) -> tuple[float, float]:
        if self.by_cluster is not None:
            return cluster_variance(self.by_cluster[self.cluster_rows > 0])
        return self.metric.variance_of(self.squares, self.reading.class_rows), float("inf")
