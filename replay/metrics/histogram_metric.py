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

from replay.metrics.cluster import CLUSTERS, cluster_codes, cluster_variance
from replay.metrics.histogram import MAX_BINS, Histogram
from replay.metrics.influence_table import InfluenceTable
from replay.metrics.interval import Interval, wald
from replay.metrics.metric import METRICS, Metric
from replay.metrics.usable import Array, LabelledScores, labelled_rows
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
        variance: For independent rows; NaN where it is not known.
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

    With ``cluster`` one pass gives the value but no interval: sums by cluster need a second pass, which ``measure``
    does of rows in memory.

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
        """See ``Metric.measure``."""
        rows = None if cluster is None else _RowInfluence.of(cls, score, label, weight)
        if cluster is None or rows is None:
            return super().measure(score, label, weight)
        return cls.answer(rows.reading, *_clustered_variance(rows.influence[rows.used], cluster[rows.used]))

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
        if cls.change is None:
            raise ValueError(f"found {cls.name!r}, expected a metric that says what its change is called")
        here, there = (_RowInfluence.of(cls, side, label, weight) for side in (score, baseline))
        if here is None or there is None:
            return undefined(0, NO_ROWS)
        used = here.used | there.used
        rows = int(np.count_nonzero(used))
        reason = here.reading.reason or there.reading.reason
        if reason is not None:
            return undefined(rows, reason)
        influence = (there.influence - here.influence)[used]
        if cluster is not None:
            variance, degrees = _clustered_variance(influence, cluster[used])
        else:
            squares = np.bincount(label[used].astype(np.int64), weights=influence**2, minlength=2)
            variance, degrees = cls.variance_of(squares.astype(np.float64), here.reading.class_rows), math.inf
        change = cls.change.of(here.reading.value, there.reading.value)
        return MetricValue(change, *wald(change, variance, degrees=degrees), rows)


def histogram_metrics() -> dict[str, type[HistogramMetric]]:
    """The metrics of a histogram by name, in order."""
    return {name: metric for name, metric in METRICS.items() if issubclass(metric, HistogramMetric)}


def bounded_metrics() -> tuple[str, ...]:
    """Those for which the effect of sharing bins has a known bound."""
    return tuple(name for name, metric in histogram_metrics().items() if metric.bounded)


@dataclass(frozen=True, slots=True)
class _RowInfluence:
    """What rows in memory add to a metric by one of their scores.

    Attributes:
        reading: Of all of the rows.
        used: ``(num_rows,)``: rows with a finite score, a 0/1 label and a weight.
        influence: ``(num_rows,)``; 0 where not used.
    """

    reading: HistogramReading
    used: NDArray[np.bool_]
    influence: Array

    @classmethod
    def of(
        cls, metric: type[HistogramMetric], score: Array, label: Array, weight: Array | None
    ) -> _RowInfluence | None:
        """Read the rows; None where none is used."""
        histogram = metric().update(score, label, weight).histogram
        if histogram is None:
            return None
        reading = metric.read(histogram)
        used = labelled_rows(label, weight).mask & np.isfinite(score)
        table = InfluenceTable.of(histogram, reading.influence)
        return cls(reading, used, table.influence_where(used, score, label, weight)[:, 0])


def _clustered_variance(influence: Array, cluster: NDArray[Any]) -> tuple[float, float]:
    """Variance and degrees of freedom from the influence of used rows, ``(num_used,)``, and their clusters."""
    codes = cluster_codes(cluster)
    by_cluster = np.bincount(codes, weights=influence, minlength=CLUSTERS).astype(np.float64)
    return cluster_variance(by_cluster[np.unique(codes)])
