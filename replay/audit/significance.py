"""Whether joined tables differ in more rows than a few: by clusters of rows that belong together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.audit.false_discovery import discoveries, two_sided
from replay.audit.row_differences import FeatureCounts
from replay.metrics.cluster import cluster_variance
from replay.metrics.interval import wald


@dataclass(frozen=True)
class ClusteredShare:
    """A share of rows, or a difference of two, estimated from clusters.

    Attributes:
        value: NaN where there is no row.
        low: Lower end of its 95% interval; None where there is none.
        high: Upper end.
        p_value: Two-sided, of a value of 0; NaN where it cannot be told.
    """

    value: float
    low: float | None
    high: float | None
    p_value: float


def clustered_share(sums: NDArray[np.int64], rows: NDArray[np.int64]) -> ClusteredShare:
    """Estimate a ratio of sums, with the variance between clusters.

    With ``U_g = (m_g - r * n_g) / N`` the variance of ``r = sum(m) / N`` is ``G / (G - 1) * sum(U_g**2)``
    (the delta method of a ratio over random groups; Wolter 2007, chapter 2).

    Args:
        sums: ``(num_clusters,)``, what is counted in each.
        rows: ``(num_clusters,)``, its rows.
    """
    there = rows > 0
    total = int(rows.sum())
    if total == 0:
        return ClusteredShare(math.nan, None, None, math.nan)
    value = float(sums.sum() / total)
    variance, degrees = cluster_variance((sums[there] - value * rows[there]) / total)
    low, high = wald(value, variance, degrees=degrees)
    if value == 0 or not math.isfinite(variance):
        return ClusteredShare(value, low, high, 1.0 if value == 0 else math.nan)
    # Where every row differs nothing varies: no doubt is left, once there are clusters to see that by.
    p_value = two_sided(value / math.sqrt(variance), degrees) if variance > 0 else 0.0
    return ClusteredShare(value, low, high, p_value)


def significant_features(
    features: Mapping[str, FeatureCounts], rows_by_cluster: NDArray[np.int64], slices: Sequence[tuple[str, int]]
) -> dict[str, tuple[str, ...]]:
    """Find the features and slices that differ in more rows than chance would have, over all of them together.

    Args:
        features: Counts by feature.
        rows_by_cluster: ``(num_slices, num_clusters)``.
        slices: Label and number of each slice.

    Returns:
        The labels of the slices, of each feature that has any.
    """
    tests = [
        (name, label, clustered_share(counts.differing[place], rows_by_cluster[place]).p_value)
        for name, counts in features.items()
        for label, place in slices
        if place < len(counts.differing) and counts.differing[place].any()
    ]
    found = discoveries(np.array([p_value for _, _, p_value in tests], dtype=np.float64))
    by_feature: dict[str, list[str]] = {}
    for (name, label, _), is_found in zip(tests, found, strict=True):
        if is_found:
            by_feature.setdefault(name, []).append(label)
    return {name: tuple(labels) for name, labels in by_feature.items()}
