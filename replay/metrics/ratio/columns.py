"""What one metric takes of the sums of all terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from replay.metrics.ratio.function import RatioFunction
from replay.metrics.ratio.totals import WEIGHT_AT, all_terms
from replay.metrics.terms import BASE_TERMS, Array
from replay.metrics.value import NO_ROWS, NOT_PROBABILITIES, ZERO_WEIGHT


@dataclass(frozen=True, slots=True)
class MetricColumns:
    """Which of all terms a metric looks at: the four that are always there and its own, not those of others.

    A sum of another metric that overflows does not reach it so.

    Attributes:
        metric: Whose.
        looked_at: Indices among all terms, ascending.
        own: Places of ``metric.terms`` among those.
    """

    metric: type[RatioFunction]
    looked_at: list[int]
    own: list[int]

    @classmethod
    def of(cls, metric: type[RatioFunction]) -> MetricColumns:
        """Those of a metric."""
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
        if sums[WEIGHT_AT] <= 0:
            return ZERO_WEIGHT
        if self.metric.probabilities and outside > 0:
            return NOT_PROBABILITIES
        return self.metric.why_undefined(sums[self.own])
