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
from replay.metrics.interval import Interval, satterthwaite, wald
from replay.metrics.metric import METRICS, Metric
from replay.metrics.usable import Array, LabelledScores, labelled_rows
from replay.metrics.value import NO_ROWS, ONE_CLASS, ZERO_WEIGHT, ClassCounts, MetricValue, undefined

NEGATIVE, POSITIVE = 0, 1
"""Classes of the histogram; any other is left out."""

ClassRows = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spread:
    """The sampling variance of a metric, or of its change.

    Attributes:
        variance: NaN where it is not known.
        degrees: Degrees of freedom of its estimate.
        groups: Groups of rows that it is estimated from; infinite for independent rows.
    """

    variance: float
    degrees: float
    groups: float = math.inf

    @classmethod
    def of_clusters(cls, influence: Array) -> Spread:
        """From the influence summed by cluster, ``(num_clusters,)``."""
        variance, degrees = cluster_variance(influence)
        return cls(variance, degrees, float(influence.size))


UNKNOWN = Spread(math.nan, 1.0)


@dataclass(frozen=True, slots=True)
class HistogramReading:
    """What a histogram says about a metric.

    Attributes:
        value: NaN where it is not defined.
        influence: ``(num_bins, 2)``: what a row of unit weight adds to value - E[value], by class (negative, positive).
        variances: What the rows of each class add to the variance, for independent rows; NaN where it is not known.
        class_rows: Rows of each class.
        effective: The same, counted in rows of equal weight (Kish 1965).
        error_bound: The metric of the unbinned scores lies within this of ``value``; 0 for an exact histogram, or where
            no bound is known.
        reason: Why it is not defined, or None.
    """

    value: float
    influence: Array
    variances: ClassRows
    class_rows: ClassRows
    effective: ClassRows
    error_bound: float = 0.0
    reason: str | None = None

    @classmethod
    def of(
        cls,
        metric: type[HistogramMetric],
        histogram: Histogram,
        value: float,
        influence: Array,
        error_bound: float = 0.0,
    ) -> HistogramReading:
        """A defined value; variances follow from the influence, ``(num_bins, 2)``."""
        squares = [np.dot(histogram.squares(label), influence[:, label] ** 2) for label in (NEGATIVE, POSITIVE)]
        rows = class_rows(histogram)
        variances = metric.class_variances(np.array(squares), rows)
        return cls(value, influence, variances, rows, effective_rows(histogram), error_bound)

    @classmethod
    def undefined(cls, histogram: Histogram, reason: str) -> HistogramReading:
        """That the metric is not defined."""
        none = np.zeros((histogram.keys.size, 2))
        unknown = (math.nan, math.nan)
        return cls(math.nan, none, unknown, class_rows(histogram), effective_rows(histogram), reason=reason)

    @property
    def variance(self) -> float:
        """For independent rows; NaN where it is not known."""
        return sum(self.variances)

    @property
    def spread(self) -> Spread:
        """Of independent rows."""
        return Spread(self.variance, satterthwaite(self.variances, self.effective))

    def independent(self, spread: Spread) -> ClassRows:
        """The effective rows of each class, less what a spread of rows that belong together is wider by."""
        ratio = spread.variance / self.variance if self.variance > 0 else 1.0
        share = 1 / max(ratio, 1.0) if math.isfinite(ratio) else 1.0
        return (self.effective[NEGATIVE] * share, self.effective[POSITIVE] * share)

    def evidence(self, spread: Spread) -> ClassCounts:
        """What its interval rests on."""
        negatives, positives = self.effective
        return ClassCounts(positives, negatives, min(*self.independent(spread), spread.groups), spread.groups)

    @property
    def rows(self) -> int:
        """Rows of both classes."""
        return round(sum(self.class_rows))


def class_rows(histogram: Histogram) -> ClassRows:
    """Rows of each class (negative, positive)."""
    return (float(histogram.counts(NEGATIVE).sum()), float(histogram.counts(POSITIVE).sum()))


def effective_rows(histogram: Histogram) -> ClassRows:
    """Effective rows of each class (negative, positive): ``sum(w)**2 / sum(w**2)``, 0 where there is none."""
    if not histogram.weighted:
        return class_rows(histogram)
    sums = [(float(histogram.weights(label).sum()), float(histogram.squares(label).sum())) for label in (0, 1)]
    negatives, positives = (weight**2 / square if square > 0 else 0.0 for weight, square in sums)
    return (negatives, positives)


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
    def interval(cls, reading: HistogramReading, spread: Spread) -> Interval:
        """The 95% interval of a defined value; as it stands here Student's, cut at 0."""
        return wald(reading.value, spread.variance, degrees=spread.degrees, floor=0.0)

    @classmethod
    def change_interval(
        cls,
        change: float,
        spread: Spread,
        sides: tuple[HistogramReading, HistogramReading],
        spreads: tuple[Spread, Spread],
    ) -> Interval:
        """The 95% interval of a change; as it stands here Student's.

        Args:
            change: From the baseline to the variant.
            spread: Of the change, paired.
            sides: Of the variant and of the baseline.
            spreads: Of each alone.
        """
        del sides, spreads
        return wald(change, spread.variance, degrees=spread.degrees)

    @classmethod
    def class_variances(cls, squares: Array, rows: ClassRows) -> ClassRows:
        """What the rows of each class add to the variance, for independent rows.

        Args:
            squares: ``(2,)``: sums of squared influences by class.
            rows: Rows of each class, for kinds that correct for small samples.
        """
        del rows
        return (float(squares[NEGATIVE]), float(squares[POSITIVE]))

    @classmethod
    def answer(cls, reading: HistogramReading, spread: Spread) -> MetricValue:
        """The metric with the interval of a spread, or without one and with the reason; a NaN says no more."""
        evidence = reading.evidence(spread)
        if reading.reason is not None:
            return undefined(reading.rows, reading.reason, evidence.count)
        few = evidence.why_no_interval(cls.fewest)
        if few is not None or math.isnan(spread.variance):
            return MetricValue(reading.value, None, None, reading.rows, few, evidence.count)
        return MetricValue(reading.value, *cls.interval(reading, spread), reading.rows, None, evidence.count)

    @classmethod
    def answer_change(
        cls,
        sides: tuple[HistogramReading, HistogramReading],
        spreads: tuple[Spread, Spread],
        spread: Spread,
        rows: int | None = None,
    ) -> MetricValue:
        """The change from the baseline to the variant, with the interval of its paired spread.

        Args:
            sides: Of the variant and of the baseline.
            spreads: Of each alone.
            spread: Of the change; a NaN variance gives no interval.
            rows: Rows that it is of; default: the variant's.

        Raises:
            ValueError: The metric's change is not measured.
        """
        if cls.change is None:
            raise ValueError(f"found {cls.name!r}, expected a metric that says what its change is called")
        here, there = sides
        rows = here.rows if rows is None else rows
        found = [side.evidence(alone) for side, alone in zip(sides, spreads, strict=True)]
        evidence = min(found, key=lambda entry: entry.independent)
        reason = here.reason or there.reason
        if reason is not None:
            return undefined(rows, reason, evidence.count)
        change = cls.change.of(here.value, there.value)
        few = evidence.why_no_interval(cls.fewest)
        if few is not None or math.isnan(spread.variance):
            return MetricValue(change, None, None, rows, few, evidence.count)
        return MetricValue(change, *cls.change_interval(change, spread, sides, spreads), rows, None, evidence.count)

    @classmethod
    def paired_spread(cls, squares: Array, reading: HistogramReading) -> Spread:
        """Of a change of independent rows.

        Args:
            squares: ``(2,)``: sums of squared differences of the two influences, by class.
            reading: Of one of the scores: how many rows there are.
        """
        variances = cls.class_variances(squares, reading.class_rows)
        return Spread(sum(variances), satterthwaite(variances, reading.effective))

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
        found = self.answer(reading, reading.spread)
        return replace(found, low=None, high=None, reason=reading.reason) if self._clustered else found

    @classmethod
    def measure(
        cls, score: Array, label: Array, weight: Array | None = None, cluster: NDArray[Any] | None = None
    ) -> MetricValue:
        """See ``Metric.measure``."""
        rows = None if cluster is None else _RowInfluence.of(cls, score, label, weight)
        if cluster is None or rows is None:
            return super().measure(score, label, weight)
        return cls.answer(rows.reading, _clustered_spread(rows.influence[rows.used], cluster[rows.used]))

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
        sides = [_RowInfluence.of(cls, side, label, weight) for side in (score, baseline)]
        here, there = sides
        if here is None or there is None:
            return undefined(0, NO_ROWS)
        used = here.used | there.used
        difference = (there.influence - here.influence)[used]
        if cluster is not None:
            own = [_clustered_spread(side.influence[side.used], cluster[side.used]) for side in (here, there)]
            spread = _clustered_spread(difference, cluster[used])
        else:
            own = [here.reading.spread, there.reading.spread]
            squares = np.bincount(label[used].astype(np.int64), weights=difference**2, minlength=2)
            spread = cls.paired_spread(squares.astype(np.float64), here.reading)
        rows = int(np.count_nonzero(used))
        return cls.answer_change((here.reading, there.reading), (own[0], own[1]), spread, rows)


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


def _clustered_spread(influence: Array, cluster: NDArray[Any]) -> Spread:
    """Spread from the influence of used rows, ``(num_used,)``, and their clusters."""
    codes = cluster_codes(cluster)
    by_cluster = np.bincount(codes, weights=influence, minlength=CLUSTERS).astype(np.float64)
    return Spread.of_clusters(by_cluster[np.unique(codes)])
