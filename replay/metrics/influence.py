"""The second pass: what each row adds to a metric of ranks, summed by cluster, or row by row against a baseline.

After the first pass the curve is known, and with it the influence of any row: a table by score bin and label. Summing
it over rows that belong together gives the clustered variance of an AUC (Obuchowski 1997); subtracting the baseline's
influence of the same row gives the paired variance of a difference of two AUCs (DeLong et al. 1988, whose covariance it
is), or both at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from replay.metrics.cluster import CLUSTERS, added_to, cluster_codes
from replay.metrics.functional.auc import auc_interval, curve, small_sample
from replay.metrics.functional.terms import cluster_variance
from replay.metrics.histogram import Bits, Histogram, bits_to_float, ordered_bits
from replay.metrics.interval import wald
from replay.metrics.usable import Excluded, labelled_rows
from replay.metrics.value import MetricValue, undefined

Array = NDArray[np.float64]

_MAX_DENSE = 2**21


@dataclass(frozen=True, eq=False)
class InfluenceTable:
    """Influence of a row on one or more metrics, by score bin and label. Picklable, to be sent to the second pass.

    Attributes:
        bins: ``(num_bins,)``, ascending: the bits of the score, with ``shift`` low bits dropped.
        shift: Low bits dropped.
        by_label: ``(num_bins, 2, num_metrics)``, of a row of unit weight, by label.
    """

    bins: NDArray[np.int64]
    shift: int
    by_label: Array

    @classmethod
    def of(cls, histogram: Histogram, *influences: Array) -> InfluenceTable:
        """Make the table of a histogram's influences, each ``(num_bins, 2)``."""
        bins = (histogram.keys >> np.uint64(histogram.shift)).astype(np.int64)
        return cls(bins, histogram.shift, np.stack(influences, axis=-1))

    def __getstate__(self) -> tuple[NDArray[np.int64], int, Array]:
        return (self.bins, self.shift, self.by_label)

    def __setstate__(self, state: tuple[NDArray[np.int64], int, Array]) -> None:
        for name, value in zip(("bins", "shift", "by_label"), state, strict=True):
            object.__setattr__(self, name, value)

    def places(self, score: NDArray[Any]) -> NDArray[np.int64]:
        """Bin of each score, ``(num_rows,)``.

        Raises:
            ValueError: A score that the histogram did not hold: the two passes read different rows.
        """
        return self._places(ordered_bits(score))

    def _places(self, bits: Bits) -> NDArray[np.int64]:
        """Bin of each score by its ``ordered_bits``."""
        wanted = (bits >> np.uint32(self.shift)).astype(np.int64)
        if wanted.size == 0:
            return wanted
        dense = self._dense()
        if dense is None:
            found = np.minimum(np.searchsorted(self.bins, wanted), self.bins.size - 1)
            known = self.bins[found] == wanted
        else:
            # What lies outside is clipped to an outermost bin, whose own number it does not have.
            found = dense[np.clip(wanted - self.bins[0], 0, dense.size - 1)]
            known = (found >= 0) & (wanted >= self.bins[0]) & (wanted <= self.bins[-1])
        if not known.all():
            raise ValueError(
                f"found score {float(bits_to_float(bits[~known])[0])!r} in the second pass, which the first did not "
                "see: both must read the same rows"
            )
        return found

    def _dense(self) -> NDArray[np.int64] | None:
        """Bin by offset from the first, -1 where there is none; None where that would be too large a table."""
        cached: NDArray[np.int64] | None = self.__dict__.get("_dense_bins")
        if cached is None and self.bins.size and self.bins[-1] - self.bins[0] < _MAX_DENSE:
            cached = np.full(int(self.bins[-1] - self.bins[0]) + 1, -1, dtype=np.int64)
            cached[self.bins - self.bins[0]] = np.arange(self.bins.size)
            self.__dict__["_dense_bins"] = cached
        return cached

    def influence(self, score: NDArray[Any], label: Array, weight: Array | None) -> Array:
        """What each row adds, ``(num_rows, num_metrics)``; scores must be finite, labels 0 or 1."""
        values: Array = self.by_label[self.places(score), label.astype(np.int64)]
        return values if weight is None else values * weight[:, None]

    def influence_where(self, mask: NDArray[np.bool_], score: Array, label: Array, weight: Array | None) -> Array:
        """What each row adds, ``(num_rows, num_metrics)``; 0 outside the mask, whatever stands there."""
        return self.influence_of_bits(mask, ordered_bits(score), label, weight)

    def influence_of_bits(self, mask: NDArray[np.bool_], bits: Bits, label: Array, weight: Array | None) -> Array:
        """The same from the scores' ``ordered_bits``; each metric's column is contiguous."""
        whole = bool(mask.all())
        cells = 2 * self._places(bits if whole else bits[mask]) + (label if whole else label[mask]).astype(np.int64)
        values = np.zeros((self.by_label.shape[2], mask.size))
        for place, table in enumerate(self._tables()):
            found = table[cells]
            if weight is not None:
                found *= weight if whole else weight[mask]
            if whole:
                values[place] = found
            else:
                values[place, mask] = found
        return values.T

    def _tables(self) -> list[Array]:
        """For each metric, ``(num_bins * 2,)``: influence by bin and label."""
        cached: list[Array] | None = self.__dict__.get("_by_metric")
        if cached is None:
            cached = [
                np.ascontiguousarray(self.by_label[..., place]).ravel() for place in range(self.by_label.shape[2])
            ]
            self.__dict__["_by_metric"] = cached
        return cached


class AucInfluence:
    """The second pass of an AUC: its clustered interval, or the paired interval of its drop below a baseline's.

    A row that only one of variant and baseline scores adds its one influence to the drop.

    Args:
        histogram: The variant's merged histogram of the first pass.
        baseline: The baseline's, for ``auc_drop`` = AUC of the baseline - AUC of the variant; None for the AUC itself.

    >>> from replay.metrics.auc import Auc
    >>> score, label = np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])
    >>> first = Auc().update(score, label)
    >>> AucInfluence(first.histogram).update(score, label).compute() == first.compute()
    True
    """

    def __init__(self, histogram: Histogram, baseline: Histogram | None = None) -> None:
        self.curve = curve(histogram)
        self.table = InfluenceTable.of(histogram, self.curve.influence)
        self.baseline_curve = None if baseline is None else curve(baseline)
        self.baseline_table = None
        if baseline is not None and self.baseline_curve is not None:
            self.baseline_table = InfluenceTable.of(baseline, self.baseline_curve.influence)
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
        """The AUC, or its drop, with the 95% interval of this pass."""
        for found in (self.curve, self.baseline_curve):
            if found is not None and found.reason is not None:
                return undefined(self.rows, found.reason)
        variance, degrees = self._variance()
        if self.baseline_curve is None:
            low, high = auc_interval(self.curve.auc, variance, self.curve.class_rows, degrees)
            return MetricValue(self.curve.auc, low, high, self.rows)
        drop = self.baseline_curve.auc - self.curve.auc
        low, high = wald(drop, variance, degrees=degrees)
        return MetricValue(drop, low, high, self.rows)

    def _variance(self) -> tuple[float, float]:
        if self.by_cluster is not None:
            return cluster_variance(self.by_cluster[self.cluster_rows > 0])
        return float(np.sum(self.squares * small_sample(self.curve.class_rows))), float("inf")
