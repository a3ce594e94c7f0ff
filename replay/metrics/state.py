"""What every metric's state can do, and the state under the ratios."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from replay.metrics.cluster import CLUSTERS, added_to, cluster_codes
from replay.metrics.functional.terms import NUM_TERMS, Array, num_clipped, num_outside, row_terms
from replay.metrics.ratio import ClusterTerms, RatioFormula, measure_ratio
from replay.metrics.usable import Excluded, LabelledScores, usable_rows
from replay.metrics.value import MetricValue


class MetricState(ABC):
    """A mergeable metric: picklable, and K merged shards equal one pass (up to float64 rounding of the order of sums).

    Attributes:
        rows: Rows that the metric uses.
        excluded: Rows that it can't use, by reason.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.excluded = Excluded()
        self._clustered: bool | None = None

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


class RatioMetric(MetricState):
    """A metric that is a function of the terms' sums (``replay.metrics.functional.terms``).

    Attributes:
        formula: Which function; a subclass sets it.
        sums: ``(4,)``: sums of weight, weighted label, score and loss.
        moments: ``(4, 4)``: sums of their products, row by row.
        by_cluster: ``(CLUSTERS, 4)``: the sums by hashed cluster; None without clusters.
        num_clipped: Rows whose score was clipped for the logarithm.
        num_outside: Rows whose score lies outside [0, 1].
    """

    formula: ClassVar[RatioFormula]

    def __init__(self) -> None:
        super().__init__()
        self.sums = np.zeros(NUM_TERMS)
        self.moments = np.zeros((NUM_TERMS, NUM_TERMS))
        self.by_cluster: Array | None = None
        self.num_clipped = 0
        self.num_outside = 0

    def _add(self, rows: LabelledScores) -> None:
        terms = row_terms(rows.score, rows.label, rows.weight)
        with np.errstate(over="ignore", invalid="ignore"):
            self.sums += terms.sum(axis=1)
            self.moments += terms @ terms.T
        self.num_clipped += num_clipped(rows.score)
        self.num_outside += num_outside(rows.score)
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
        clusters = None
        if self.by_cluster is not None:
            clusters = ClusterTerms(np.zeros(CLUSTERS, dtype=np.int64), self.by_cluster)
        one = np.ones(1)
        return measure_ratio(
            self.formula, self.sums[None], self.moments[None], one * self.rows, one * self.num_outside, clusters
        )[0]
