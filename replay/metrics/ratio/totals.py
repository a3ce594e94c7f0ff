"""Sums of terms over rows: what every ratio is computed from, and all that merges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from replay.metrics.metric import METRICS
from replay.metrics.terms import BASE_TERMS, Array, Term

WEIGHT_AT: Final = 0
LABEL_AT: Final = 1
"""Places of the first two of all terms."""


@cache
def all_terms() -> tuple[Term, ...]:
    """All terms: the four that are always there, then those that metrics bring.

    Raises:
        ValueError: Two terms have one name.
    """
    brought = [term for metric in METRICS.values() for term in metric.terms]
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
