"""Whether a backfill knows how things went: where it differs depends on the label."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.metrics.cluster import cluster_variance

Array = NDArray[np.float64]
Places = NDArray[np.int64]

BINS = 32
LIMIT = 5.0
"""A z beyond which a feature is said to depend on the label."""


class LabelDependence:
    """Of one feature: rows that differ by label and bin of the traffic's value, in clusters. Mergeable.

    The statistic is that of Mantel and Haenszel (1959): over the bins, the differing rows of positive labels less those
    that would be if a label made no difference. Its variance is that between clusters, since rows of a request share
    their fate.

    Args:
        clusters: Number of random groups.
        bins: Number of bins.
    """

    def __init__(self, clusters: int, bins: int = BINS) -> None:
        self.counts: Places = np.zeros((bins, clusters, 2, 2), dtype=np.int64)  # by label, by whether it differs

    def update(
        self, bins: NDArray[np.integer[Any]], clusters: Places, labels: Places, differs: NDArray[np.bool_]
    ) -> None:
        """Add rows: ``(num_rows,)`` each, bins of any integers, labels 0 or 1."""
        shape = self.counts.shape
        flat = ((bins.astype(np.int64) * shape[1] + clusters) * 2 + labels) * 2 + differs
        self.counts += np.bincount(flat, minlength=self.counts.size).reshape(shape)

    def merge(self, other: LabelDependence) -> None:
        """Add another's rows."""
        self.counts = self.counts + other.counts

    def z(self) -> float:
        """The statistic over its standard error; 0 where every row, or none, differs or is positive."""
        table = self.counts.sum(axis=1).astype(np.float64)  # (bins, 2, 2)
        rows = table.sum(axis=(1, 2))
        held = rows > 1
        positive = np.divide(table[:, 1].sum(axis=1), rows, where=held, out=np.zeros_like(rows))
        changed = np.divide(table[:, :, 1].sum(axis=1), rows, where=held, out=np.zeros_like(rows))
        total = float((table[:, 1, 1] - rows * positive * changed)[held].sum())
        # A row's part of the sum is (label - share of positives) * (differs - share of differing), in its bin.
        sides = np.array([0.0, 1.0])
        centred = (sides[None, :] - positive[:, None])[:, :, None] * (sides[None, :] - changed[:, None])[:, None, :]
        by_cluster = (self.counts * (centred * held[:, None, None])[:, None]).sum(axis=(0, 2, 3))
        filled = self.counts.sum(axis=(0, 2, 3)) > 0
        variance, _ = cluster_variance(by_cluster[filled])
        return total / math.sqrt(variance) if variance > 0 else 0.0
