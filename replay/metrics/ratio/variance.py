"""Variances of ratios by the delta method, and how many rows they rest on."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from replay.metrics.cluster import cluster_variance
from replay.metrics.ratio.columns import MetricColumns
from replay.metrics.ratio.totals import LABEL_AT, WEIGHT_AT, ClusterTerms, TermTotals
from replay.metrics.terms import Array
from replay.metrics.value import ClassCounts


def _quadratic(gradient: Array, moments: Array) -> Array:
    """``g . M . g`` over leading axes: ``(..., k)`` and ``(..., k, k)`` give ``(...)``; rounding below 0 is cut."""
    with np.errstate(all="ignore"):
        return cast("Array", np.maximum(np.einsum("...i,...ij,...j->...", gradient, moments, gradient), 0.0))


def row_variance(gradient: Array, moments: Array, rows: NDArray[Any]) -> Array:
    """The variance of every slice where rows are independent, ``(num_slices,)``.

    Args:
        gradient: ``(num_slices, num_terms)``.
        moments: ``(num_slices, num_terms, num_terms)``, by row.
        rows: ``(num_slices,)``.
    """
    with np.errstate(all="ignore"):
        small_sample = np.where(rows > 1, rows / np.maximum(rows - 1, 1), np.nan)
        return _quadratic(gradient, moments) * small_sample


def clustered_variance(gradient: Array, slices: NDArray[np.int64], terms: Array) -> Array:
    """The random-groups variance of every slice, ``G / (G - 1) * sum(U**2)``, of G - 1 degrees of freedom."""
    occupied = terms[:, WEIGHT_AT] > 0
    slices, terms = slices[occupied], terms[occupied]
    groups = np.bincount(slices, minlength=len(gradient)).astype(np.float64)
    with np.errstate(all="ignore"):
        influence = np.einsum("gi,gi->g", terms, gradient[slices])
        squares: Array = np.bincount(slices, weights=influence**2, minlength=len(gradient)).astype(np.float64)
        variance: Array = np.where(groups > 1, groups / np.maximum(groups - 1, 1), np.nan) * squares
    return variance


def evidence_by_slice(sums: Array, moments: Array, clusters: ClusterTerms | None) -> list[ClassCounts]:
    """What an interval of every slice rests on: its effective rows by class, and clusters that hold them.

    A sum of weights of one class over the root of the sum of their squares is that of its effective rows; where rows
    belong together, the same of the clusters' sums tells how many clusters there might as well be.
    """
    weight, label = sums[:, WEIGHT_AT], sums[:, LABEL_AT]
    squares, label_squares = moments[:, WEIGHT_AT, WEIGHT_AT], moments[:, LABEL_AT, LABEL_AT]
    positives = _effective(label, label_squares)
    negatives = _effective(weight - label, squares - label_squares)
    if clusters is None:
        return [ClassCounts(*pair, min(pair)) for pair in zip(positives.tolist(), negatives.tolist(), strict=True)]
    occupied = clusters.terms[:, WEIGHT_AT] > 0
    slices, of_label = clusters.slices[occupied], clusters.terms[occupied, LABEL_AT]
    others = clusters.terms[occupied, WEIGHT_AT] - of_label
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


def evidence_of(totals: TermTotals) -> ClassCounts:
    """The same of all rows."""
    return evidence_by_slice(totals.sums[None], totals.moments[None], totals.cluster_terms())[0]


def change_variance(columns: MetricColumns, variant: TermTotals, baseline: TermTotals, cross: Array) -> float:
    """The variance of a change: both scores of a row share its label and most of its noise.

    Args:
        columns: Of the metric.
        variant: The variant's sums.
        baseline: The baseline's.
        cross: ``(num_terms, num_terms)``: sums of products of the variant's terms (rows) with the baseline's (columns).
    """
    here, there = (columns.gradient(columns.pick(side.sums)) for side in (variant, baseline))
    if variant.clusters is not None and baseline.clusters is not None:
        occupied = (variant.clusters[:, WEIGHT_AT] > 0) | (baseline.clusters[:, WEIGHT_AT] > 0)
        by_cluster = [columns.pick(side.clusters) for side in (variant, baseline) if side.clusters is not None]
        return cluster_variance(by_cluster[0][occupied] @ here - by_cluster[1][occupied] @ there)[0]
    moments = [columns.pick_products(matrix) for matrix in (variant.moments, baseline.moments, cross)]
    with np.errstate(all="ignore"):
        covariance = float(here @ moments[2] @ there)
        variance = float(_quadratic(here, moments[0]) + _quadratic(there, moments[1])) - 2 * covariance
    return max(variance, 0.0) * variant.rows / max(variant.rows - 1, 1)
