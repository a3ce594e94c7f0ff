"""Metrics that are a function of the sums of terms."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from replay.metrics.cluster import CLUSTERS, added_to, cluster_codes
from replay.metrics.metric import METRICS
from replay.metrics.ratio.function import RatioFunction
from replay.metrics.ratio.measure import measure_change, measure_whole
from replay.metrics.ratio.totals import TermTotals, all_terms, row_terms, term_products
from replay.metrics.terms import Array, num_clipped, outside_unit
from replay.metrics.usable import LabelledScores
from replay.metrics.value import MetricValue


class RatioMetric(RatioFunction):
    """A metric that is a function of the sums of terms; a kind says which terms, and which function.

    Attributes:
        sums: ``(num_terms,)``: sums of all terms, whatever the function takes.
        moments: ``(num_terms, num_terms)``: sums of their products, row by row.
        by_cluster: ``(CLUSTERS, num_terms)``: the sums by hashed cluster; None without clusters.
        num_clipped: Rows whose score was clipped for the logarithm.
        num_outside: Rows whose score lies outside [0, 1].
    """

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
