"""Ratios of sums with their intervals, for one slice or thousands at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from replay.metrics.functional.terms import WEIGHT, Array, cluster_variance, quadratic
from replay.metrics.interval import NO_INTERVAL, Interval, wald
from replay.metrics.value import NO_ROWS, MetricValue, undefined

OVERFLOW = "the sums overflow float64"


class RatioFormula(Protocol):
    """A module of ``replay.metrics.functional`` whose metric is a function of the terms' sums."""

    def value(self, sums: Array, /) -> Array:
        """The metric, ``(..., 4)`` to ``(...)``."""

    def gradient(self, sums: Array, /) -> Array:
        """Its gradient by the sums, ``(..., 4)``."""

    def why_undefined(self, sums: Array, outside: float, /) -> str | None:
        """Why one slice has none."""

    def interval(self, value: float, variance: float, degrees: float, /) -> Interval:
        """The interval from the variance."""


@dataclass(frozen=True, slots=True)
class ClusterTerms:
    """Sums of the terms by cluster within each slice.

    Attributes:
        slices: ``(num_clusters,)``: the slice of each row of ``terms``.
        terms: ``(num_clusters, 4)``.
    """

    slices: NDArray[np.int64]
    terms: Array


def measure_ratio(
    formula: RatioFormula,
    sums: Array,
    moments: Array,
    rows: NDArray[Any],
    outside: NDArray[Any],
    clusters: ClusterTerms | None = None,
) -> list[MetricValue]:
    """Measure one metric on many slices.

    Args:
        formula: The metric.
        sums: ``(num_slices, 4)``.
        moments: ``(num_slices, 4, 4)``, by row.
        rows: ``(num_slices,)``: rows with a usable score, label and weight.
        outside: ``(num_slices,)``: those whose score lies outside [0, 1].
        clusters: Where rows are not independent; then ``moments`` are not looked at.
    """
    values = formula.value(sums)
    if clusters is None:
        variances = _row_variance(formula, sums, moments, rows)
        degrees = np.full(rows.size, np.inf)
    else:
        variances, degrees = _clustered_variance(formula, sums, clusters)
    answers = []
    for place in range(rows.size):
        count = round(float(rows[place]))
        reason = NO_ROWS if count <= 0 else formula.why_undefined(sums[place], float(outside[place]))
        value = float(values[place])
        if reason is None and not math.isfinite(value):
            reason = OVERFLOW
        if reason is not None:
            answers.append(undefined(max(count, 0), reason))
            continue
        low, high = formula.interval(value, float(variances[place]), float(degrees[place]))
        answers.append(MetricValue(value, low, high, count))
    return answers


def _row_variance(formula: RatioFormula, sums: Array, moments: Array, rows: NDArray[Any]) -> Array:
    with np.errstate(all="ignore"):
        small_sample = np.where(rows > 1, rows / np.maximum(rows - 1, 1), np.nan)
        return quadratic(formula.gradient(sums), moments) * small_sample


def _clustered_variance(formula: RatioFormula, sums: Array, clusters: ClusterTerms) -> tuple[Array, Array]:
    """The random-groups variance of every slice, ``G / (G - 1) * sum(U**2)``, and its G - 1 degrees of freedom."""
    occupied = clusters.terms[:, WEIGHT] > 0
    slices, terms = clusters.slices[occupied], clusters.terms[occupied]
    groups = np.bincount(slices, minlength=len(sums)).astype(np.float64)
    with np.errstate(all="ignore"):
        influence = np.einsum("gi,gi->g", terms, formula.gradient(sums)[slices])
        squares: Array = np.bincount(slices, weights=influence**2, minlength=len(sums)).astype(np.float64)
        variance: Array = np.where(groups > 1, groups / np.maximum(groups - 1, 1), np.nan) * squares
    return variance, np.asarray(np.maximum(groups - 1, 1), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class RatioTerms:
    """One of two scores of the same rows: what ``measure_change`` needs of it.

    Attributes:
        sums: ``(4,)``.
        moments: ``(4, 4)``.
        rows: Usable rows.
        outside: Usable rows whose score lies outside [0, 1].
        clusters: ``(num_clusters, 4)``: the terms' sums by cluster; None where rows are independent.
    """

    sums: Array
    moments: Array
    rows: int
    outside: int
    clusters: Array | None = None


def measure_change(formula: RatioFormula, variant: RatioTerms, baseline: RatioTerms, cross: Array) -> MetricValue:
    """The metric of the variant minus that of the baseline, with a paired interval.

    Both scores of a row share its label and most of its noise, so the variance of the difference takes their covariance
    from the joint moments (or, by cluster, from the difference of the two influences).

    Args:
        formula: The metric.
        variant: The variant's sums.
        baseline: The baseline's.
        cross: ``(4, 4)``: sums of products of the variant's terms (rows) with the baseline's (columns).
    """
    for side in (variant, baseline):
        reason = NO_ROWS if side.rows == 0 else formula.why_undefined(side.sums, side.outside)
        if reason is not None:
            return undefined(variant.rows, reason)
    change = float(formula.value(variant.sums) - formula.value(baseline.sums))
    if not math.isfinite(change):
        return undefined(variant.rows, OVERFLOW)
    here, there = formula.gradient(variant.sums), formula.gradient(baseline.sums)
    if variant.clusters is not None and baseline.clusters is not None:
        occupied = (variant.clusters[:, WEIGHT] > 0) | (baseline.clusters[:, WEIGHT] > 0)
        influence = variant.clusters[occupied] @ here - baseline.clusters[occupied] @ there
        variance, degrees = cluster_variance(influence)
    else:
        with np.errstate(all="ignore"):
            covariance = float(here @ cross @ there)
            variance = float(quadratic(here, variant.moments) + quadratic(there, baseline.moments)) - 2 * covariance
        variance = max(variance, 0.0) * variant.rows / max(variant.rows - 1, 1)
        degrees = math.inf
    low, high = wald(change, variance, degrees=degrees) if variant.rows > 1 else NO_INTERVAL
    return MetricValue(change, low, high, variant.rows)
