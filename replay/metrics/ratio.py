"""Ratios of sums with their intervals, for one slice or thousands at once.

A row adds the vector z of its terms (``replay.metrics.terms``). A metric is a function g of the sum Z of these vectors
that does not change when Z is scaled. So grad g(Z) . Z = 0, the influence of a row is grad g(Z) . z without any
centring, and

    Var g(Z) ~ sum over rows of (grad g . z)**2 = grad g . M . grad g,    M = sum of z z^T        (delta method)

for independent rows and fixed weights; for rows that belong together, z is first summed by cluster (see
``replay.metrics.cluster``). Both need sums only, so both merge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from replay.metrics.cluster import CLUSTERS, added_to, cluster_codes, cluster_variance
from replay.metrics.interval import Interval, wald
from replay.metrics.metric import METRICS, Metric
from replay.metrics.terms import BASE_TERMS, Array, Term, divide, num_clipped, outside_unit
from replay.metrics.usable import LabelledScores
from replay.metrics.value import NO_ROWS, NOT_PROBABILITIES, ZERO_WEIGHT, ClassCounts, MetricValue, undefined

OVERFLOW = "the sums overflow float64"
_WEIGHT, _LABEL = 0, 1


class RatioMetric(Metric):
    """A metric that is a function of the sums of terms; a kind says which terms, and which function.

    As it stands here it is the sum of the first term over that of the second.

    Attributes:
        terms: What the function takes, in its order.
        probabilities: Whether every score must lie in [0, 1].
        sums: ``(num_terms,)``: sums of all terms, whatever the function takes.
        moments: ``(num_terms, num_terms)``: sums of their products, row by row.
        by_cluster: ``(CLUSTERS, num_terms)``: the sums by hashed cluster; None without clusters.
        num_clipped: Rows whose score was clipped for the logarithm.
        num_outside: Rows whose score lies outside [0, 1].
    """

    terms: ClassVar[tuple[Term, ...]]
    probabilities: ClassVar[bool] = False

    @staticmethod
    def value(sums: Array) -> Array:
        """The metric from the sums of ``terms``, ``(..., len(terms))`` to ``(...)``; NaN where it is not defined."""
        return divide(sums[..., 0], sums[..., 1])

    @staticmethod
    def gradient(sums: Array) -> Array:
        """Gradient of ``value`` by the sums, ``(..., len(terms))``."""
        by_first = divide(1.0, sums[..., 1])
        return np.stack((by_first, -divide(divide(sums[..., 0], sums[..., 1]), sums[..., 1])), axis=-1)

    @staticmethod
    def why_undefined(sums: Array) -> str | None:
        """Why one slice's sums ``(len(terms),)``, of a weight above 0, have no value; None where they have."""
        del sums
        return None

    @staticmethod
    def interval(value: float, variance: float, degrees: float) -> Interval:
        """The 95% interval; as it stands here Student's, cut at 0."""
        return wald(value, variance, degrees=degrees, floor=0.0)

    @staticmethod
    def degrees(rarer: float) -> float:
        """Degrees of freedom of the variance, from the effective rows of the rarer class, which it mostly comes from.

        As it stands here those of a variance of that many rows.
        """
        return max(rarer - 1, 1.0)

    @classmethod
    def change_interval(cls, change: float, variance: float, evidence: ClassCounts) -> Interval:
        """The 95% interval of its change; as it stands here Student's."""
        degrees = min(cls.degrees(evidence.independent), evidence.groups - 1)
        return wald(change, variance, degrees=degrees)

    def __init__(self) -> None:
        super().__init__()
        num_terms = len(all_terms())
        self.sums = np.zeros(num_terms)
        self.moments = np.zeros((num_terms, num_terms))
        self.by_cluster: Array | None = None
        self.num_clipped = 0
        self.num_outside = 0

    def _add(self, rows: LabelledScores) -> None:
        terms = row_terms(rows.score, rows.label, rows.weight)
        with np.errstate(over="ignore", invalid="ignore"):
            self.sums += terms.sum(axis=1)
            self.moments += term_products(terms, terms)
        self.num_clipped += num_clipped(rows.score)
        self.num_outside += int(np.count_nonzero(outside_unit(rows.score)))
        if rows.cluster is not None:
            codes = cluster_codes(rows.cluster)
            added = np.stack([np.bincount(codes, weights=term, minlength=CLUSTERS) for term in terms], axis=1)
            self.by_cluster = added_to(self.by_cluster, added)

    def _merge(self, other: Self) -> None:
        self.sums += other.sums
        self.moments += other.moments
        self.num_clipped += other.num_clipped
        self.num_outside += other.num_outside
        if other.by_cluster is not None:
            self.by_cluster = added_to(self.by_cluster, other.by_cluster)

    def compute(self) -> MetricValue:
        """The metric with its 95% interval, or the reason why there is none."""
        return measure_whole(type(self), self._totals())

    def _totals(self) -> TermTotals:
        return TermTotals(self.sums, self.moments, self.rows, self.num_outside, self.by_cluster)

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
        sides = [cls().update(side, label, weight, cluster)._totals() for side in (score, baseline)]
        terms = [row_terms(side, label, weight) for side in (score, baseline)]
        return measure_change(cls, sides[0], sides[1], term_products(*terms))


def ratio_metrics() -> dict[str, type[RatioMetric]]:
    """The ratio metrics by name, in order."""
    return {name: metric for name, metric in METRICS.items() if issubclass(metric, RatioMetric)}


@cache
def all_terms() -> tuple[Term, ...]:
    """All terms: the four that are always there, then those that metrics bring.

    Raises:
        ValueError: Two terms have one name.
    """
    brought = [term for metric in ratio_metrics().values() for term in metric.terms]
    terms = tuple(dict.fromkeys((*BASE_TERMS, *brought)))
    names = [term.name for term in terms]
    if len(set(names)) < len(names):
        raise ValueError(f"found two terms of one name in {names}: give each a name of its own")
    return terms


def row_terms(score: Array, label: Array, weight: Array | None) -> Array:
    """The vector that each row adds, ``(num_terms, num_rows)``.

    Args:
        score: ``(num_rows,)``, finite.
        label: ``(num_rows,)``, 0 or 1.
        weight: ``(num_rows,)``, or None for ones.
    """
    with np.errstate(over="ignore"):
        terms = np.stack([term.of(score, label) for term in all_terms()])
        return terms if weight is None else terms * weight


def term_products(left: Array, right: Array) -> Array:
    """Sums of products of the terms of two scores of the same rows, ``(num_terms, num_terms)``.

    Args:
        left: ``(num_terms, num_rows)``.
        right: The same of the other score, or of the same one.
    """
    products = left @ right.T
    base = len(BASE_TERMS)
    if len(products) > base:
        # How a product of matrices is rounded depends on their sizes: a term more is to change no other metric.
        products[:base, :base] = left[:base] @ right[:base].T
    return products


@dataclass(frozen=True, slots=True)
class ClusterTerms:
    """Sums of the terms by cluster within each slice.

    Attributes:
        slices: ``(num_clusters,)``: the slice of each row of ``terms``.
        terms: ``(num_clusters, num_terms)``.
    """

    slices: NDArray[np.int64]
    terms: Array


@dataclass(frozen=True, slots=True)
class TermTotals:
    """One column of scores over all rows.

    Attributes:
        sums: ``(num_terms,)``.
        moments: ``(num_terms, num_terms)``.
        rows: Usable rows.
        outside: Usable rows whose score lies outside [0, 1].
        clusters: ``(num_clusters, num_terms)``: the terms' sums by cluster; None where rows are independent.
    """

    sums: Array
    moments: Array
    rows: int
    outside: int
    clusters: Array | None = None

    def cluster_terms(self) -> ClusterTerms | None:
        """The clusters as those of one slice."""
        if self.clusters is None:
            return None
        return ClusterTerms(np.zeros(len(self.clusters), dtype=np.int64), self.clusters)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which of all terms a metric looks at: the four that are always there and its own, not those of others.

    A sum of another metric that overflows does not reach it so.

    Attributes:
        metric: Whose.
        looked_at: Indices among all terms, ascending.
        own: Places of ``metric.terms`` among those.
    """

    metric: type[RatioMetric]
    looked_at: list[int]
    own: list[int]

    @classmethod
    def of(cls, metric: type[RatioMetric]) -> _Columns:
        places = {term: place for place, term in enumerate(all_terms())}
        looked_at = sorted({*range(len(BASE_TERMS)), *(places[term] for term in metric.terms)})
        return cls(metric, looked_at, [looked_at.index(places[term]) for term in metric.terms])

    def pick(self, sums: Array) -> Array:
        """Sums of all terms, ``(..., num_terms)``, to those looked at."""
        # In C order, so that what follows is rounded alike whatever other terms there are.
        return sums if sums.shape[-1] == len(self.looked_at) else np.ascontiguousarray(sums[..., self.looked_at])

    def pick_products(self, moments: Array) -> Array:
        """Products of all terms, ``(..., num_terms, num_terms)``, to those of terms looked at."""
        if moments.shape[-1] == len(self.looked_at):
            return moments
        return np.ascontiguousarray(moments[..., self.looked_at, :][..., self.looked_at])

    def value(self, sums: Array) -> Array:
        """The metric from the sums looked at."""
        return self.metric.value(sums[..., self.own])

    def gradient(self, sums: Array) -> Array:
        """Its gradient by the sums looked at."""
        slope = np.zeros_like(sums)
        slope[..., self.own] = self.metric.gradient(sums[..., self.own])
        return slope

    def why_undefined(self, sums: Array, rows: float, outside: float) -> str | None:
        """Why one slice has none."""
        if rows <= 0:
            return NO_ROWS
        if sums[_WEIGHT] <= 0:
            return ZERO_WEIGHT
        if self.metric.probabilities and outside > 0:
            return NOT_PROBABILITIES
        return self.metric.why_undefined(sums[self.own])


def measure_ratio(
    metric: type[RatioMetric],
    sums: Array,
    moments: Array,
    rows: NDArray[Any],
    outside: NDArray[Any],
    clusters: ClusterTerms | None = None,
) -> list[MetricValue]:
    """Measure one metric on many slices.

    Args:
        metric: The metric.
        sums: ``(num_slices, num_terms)``.
        moments: ``(num_slices, num_terms, num_terms)``, by row.
        rows: ``(num_slices,)``: rows with a usable score, label and weight.
        outside: ``(num_slices,)``: those whose score lies outside [0, 1].
        clusters: Where rows are not independent; then ``moments`` only tell the effective rows.
    """
    columns = _Columns.of(metric)
    evidence = _evidence(sums, moments, clusters)
    sums = columns.pick(sums)
    values = columns.value(sums)
    if clusters is None:
        variances = _row_variance(columns.gradient(sums), columns.pick_products(moments), rows)
    else:
        variances = _clustered_variance(columns.gradient(sums), clusters.slices, columns.pick(clusters.terms))
    answers = []
    for place in range(rows.size):
        count = round(float(rows[place]))
        reason = columns.why_undefined(sums[place], count, float(outside[place]))
        value = float(values[place])
        if reason is None and not math.isfinite(value):
            reason = OVERFLOW
        rests_on = evidence[place]
        if reason is not None:
            answers.append(undefined(max(count, 0), reason, rests_on.count))
            continue
        few = rests_on.why_no_interval(metric.fewest)
        if few is not None:
            answers.append(MetricValue(value, None, None, count, few, rests_on.count))
            continue
        degrees = min(metric.degrees(rests_on.independent), rests_on.groups - 1)
        interval = metric.interval(value, float(variances[place]), degrees)
        answers.append(MetricValue(value, *interval, count, None, rests_on.count))
    return answers


def measure_whole(metric: type[RatioMetric], totals: TermTotals) -> MetricValue:
    """Measure one metric over all rows."""
    one = np.ones(1)
    return measure_ratio(
        metric, totals.sums[None], totals.moments[None], one * totals.rows, one * totals.outside, totals.cluster_terms()
    )[0]


def _quadratic(gradient: Array, moments: Array) -> Array:
    """``g . M . g`` over leading axes: ``(..., k)`` and ``(..., k, k)`` give ``(...)``; rounding below 0 is cut."""
    with np.errstate(all="ignore"):
        return cast("Array", np.maximum(np.einsum("...i,...ij,...j->...", gradient, moments, gradient), 0.0))


def _row_variance(gradient: Array, moments: Array, rows: NDArray[Any]) -> Array:
    with np.errstate(all="ignore"):
        small_sample = np.where(rows > 1, rows / np.maximum(rows - 1, 1), np.nan)
        return _quadratic(gradient, moments) * small_sample


def _clustered_variance(gradient: Array, slices: NDArray[np.int64], terms: Array) -> Array:
    """The random-groups variance of every slice, ``G / (G - 1) * sum(U**2)``, of G - 1 degrees of freedom."""
    occupied = terms[:, _WEIGHT] > 0
    slices, terms = slices[occupied], terms[occupied]
    groups = np.bincount(slices, minlength=len(gradient)).astype(np.float64)
    with np.errstate(all="ignore"):
        influence = np.einsum("gi,gi->g", terms, gradient[slices])
        squares: Array = np.bincount(slices, weights=influence**2, minlength=len(gradient)).astype(np.float64)
        variance: Array = np.where(groups > 1, groups / np.maximum(groups - 1, 1), np.nan) * squares
    return variance


def _evidence(sums: Array, moments: Array, clusters: ClusterTerms | None) -> list[ClassCounts]:
    """What an interval of every slice rests on: its effective rows by class, and clusters that hold them.

    A sum of weights of one class over the root of the sum of their squares is that of its effective rows; where rows
    belong together, the same of the clusters' sums tells how many clusters there might as well be.
    """
    weight, label = sums[:, _WEIGHT], sums[:, _LABEL]
    squares, label_squares = moments[:, _WEIGHT, _WEIGHT], moments[:, _LABEL, _LABEL]
    positives = _effective(label, label_squares)
    negatives = _effective(weight - label, squares - label_squares)
    if clusters is None:
        return [ClassCounts(*pair, min(pair)) for pair in zip(positives.tolist(), negatives.tolist(), strict=True)]
    occupied = clusters.terms[:, _WEIGHT] > 0
    slices, of_label = clusters.slices[occupied], clusters.terms[occupied, _LABEL]
    others = clusters.terms[occupied, _WEIGHT] - of_label
    groups = np.bincount(slices, minlength=len(sums))
    by_class = []
    for total, part in ((label, of_label), (weight - label, others)):
        by_class.append(_effective(total, np.bincount(slices, weights=part * part, minlength=len(sums))))
    independent = np.minimum(*by_class)
    return [
        ClassCounts(*found)
        for found in zip(
            positives.tolist(), negatives.tolist(), independent.tolist(), groups.astype(float).tolist(), strict=True
        )
    ]


def _effective(sums: Array, squares: NDArray[Any]) -> Array:
    """``sum(w)**2 / sum(w**2)``, and 0 where there is nothing."""
    with np.errstate(all="ignore"):
        found = np.where((squares > 0) & (sums > 0), sums * sums / np.maximum(squares, np.finfo(np.float64).tiny), 0.0)
    return np.asarray(found, dtype=np.float64)


def measure_change(metric: type[RatioMetric], variant: TermTotals, baseline: TermTotals, cross: Array) -> MetricValue:
    """The change of the metric from the baseline to the variant, with a paired interval.

    Both scores of a row share its label and most of its noise, so the variance of the difference takes their covariance
    from the joint moments (or, by cluster, from the difference of the two influences).

    Args:
        metric: A metric whose change is measured.
        variant: The variant's sums.
        baseline: The baseline's.
        cross: ``(num_terms, num_terms)``: sums of products of the variant's terms (rows) with the baseline's (columns).

    Raises:
        ValueError: The metric's change is not measured.
    """
    if metric.change is None:
        raise ValueError(f"found {metric.name!r}, expected a metric that says what its change is called")
    columns = _Columns.of(metric)
    rests_on = min((_evidence_of(side) for side in (variant, baseline)), key=lambda entry: entry.independent)
    sides = [columns.pick(side.sums) for side in (variant, baseline)]
    for side, sums in zip((variant, baseline), sides, strict=True):
        reason = columns.why_undefined(sums, side.rows, side.outside)
        if reason is not None:
            return undefined(variant.rows, reason, rests_on.count)
    change = metric.change.of(*(float(columns.value(sums)) for sums in sides))
    if not math.isfinite(change):
        return undefined(variant.rows, OVERFLOW, rests_on.count)
    few = rests_on.why_no_interval(metric.fewest)
    if few is not None:
        return MetricValue(change, None, None, variant.rows, few, rests_on.count)
    variance = _change_variance(columns, variant, baseline, cross)
    interval = metric.change_interval(change, variance, rests_on)
    return MetricValue(change, *interval, variant.rows, None, rests_on.count)


def _change_variance(columns: _Columns, variant: TermTotals, baseline: TermTotals, cross: Array) -> float:
    here, there = (columns.gradient(columns.pick(side.sums)) for side in (variant, baseline))
    if variant.clusters is not None and baseline.clusters is not None:
        occupied = (variant.clusters[:, _WEIGHT] > 0) | (baseline.clusters[:, _WEIGHT] > 0)
        by_cluster = [columns.pick(side.clusters) for side in (variant, baseline) if side.clusters is not None]
        return cluster_variance(by_cluster[0][occupied] @ here - by_cluster[1][occupied] @ there)[0]
    moments = [columns.pick_products(matrix) for matrix in (variant.moments, baseline.moments, cross)]
    with np.errstate(all="ignore"):
        covariance = float(here @ moments[2] @ there)
        variance = float(_quadratic(here, moments[0]) + _quadratic(there, moments[1])) - 2 * covariance
    return max(variance, 0.0) * variant.rows / max(variant.rows - 1, 1)


def _evidence_of(totals: TermTotals) -> ClassCounts:
    return _evidence(totals.sums[None], totals.moments[None], totals.cluster_terms())[0]
