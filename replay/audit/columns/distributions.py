"""Whether two distributions differ by more than the reference does from one day to the next, and by how much."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.audit.false_discovery import f_tail

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

_LEAST_EXPECTED = 5.0
"""Expected rows of a cell; cells with fewer count as one."""


@dataclass(frozen=True)
class DistributionTest:
    """Two distributions held against each other.

    Attributes:
        statistic: F, the G-statistic by its degrees of freedom over the dispersion.
        dispersion: At least 1: how much more than by chance the two ordinarily differ, by the reference's buckets.
        p_value: NaN where there is nothing to compare.
    """

    statistic: float
    dispersion: float
    p_value: float


def compare_distributions(suspect: Counts, reference: Counts, buckets: Counts, excess: float = 1.0) -> DistributionTest:
    """Test whether two counts by cell come from one distribution, given how much that ordinarily changes.

    The G-statistic (McCullagh and Nelder 1989, section 6.2) by its degrees of freedom, over the dispersion between the
    reference's buckets, is compared with Fisher's F, as quasi-likelihood does.

    Args:
        suspect: ``(num_cells,)``.
        reference: ``(num_cells,)``.
        buckets: ``(num_buckets, num_cells)`` of the reference.
        excess: By how much more, over chance, the two ordinarily differ than the buckets do.
    """
    both = np.stack((suspect, reference))
    statistic, degrees = g_statistic(both)
    if degrees <= 0:
        return DistributionTest(math.nan, 1.0, math.nan)
    between, free = g_statistic(buckets[buckets.sum(axis=1) > 0])
    dispersion = 1.0 + excess * max(between / free - 1.0, 0.0) if free > 0 else 1.0
    below = free if free > 0 and dispersion > 1.0 else math.inf
    value = statistic / degrees / dispersion
    return DistributionTest(value, dispersion, f_tail(value, degrees, below))


def g_statistic(counts: Counts) -> tuple[float, int]:
    """``2 * sum(O * log(O / E))`` of a table, and its degrees of freedom; rare cells are taken together.

    Args:
        counts: ``(num_tables, num_cells)``.

    >>> g_statistic(np.array([[10, 20], [10, 20]]))
    (0.0, 1)
    """
    table = _pooled(counts)
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    if table.size == 0 or (rows > 0).sum() < 2 or (columns > 0).sum() < 2:
        return 0.0, 0
    expected = rows[:, None] * columns[None, :] / table.sum()
    held = table > 0
    found = 2.0 * float((table[held] * np.log(table[held] / expected[held])).sum())
    return max(found, 0.0), int(((rows > 0).sum() - 1) * ((columns > 0).sum() - 1))


def _pooled(counts: Counts) -> Floats:
    """Counts with all cells of few expected rows as one."""
    table = counts[:, counts.sum(axis=0) > 0].astype(np.float64)
    if table.size == 0:
        return table
    least = table.sum(axis=0) * table.sum(axis=1).min() / table.sum()
    rare = least < _LEAST_EXPECTED
    if not rare.any():
        return table
    kept = table[:, ~rare]
    pooled = table[:, rare].sum(axis=1, keepdims=True)
    return np.concatenate((kept, pooled), axis=1)


def divergence(suspect: Counts, reference: Counts) -> float:
    """Jensen and Shannon's divergence in nats, less its bias ``(K - 1) / 8 * (1 / n + 1 / m)``; not below 0.

    Args:
        suspect: ``(num_cells,)``.
        reference: ``(num_cells,)``.
    """
    both = np.stack((suspect, reference)).astype(np.float64)
    rows = both.sum(axis=1)
    if not rows.all():
        return math.nan
    shares = both / rows[:, None]
    middle = shares.mean(axis=0)
    held = shares > 0
    ratio = np.divide(shares, middle[None, :], where=held, out=np.ones_like(shares))
    found = 0.5 * float((shares * np.log(ratio))[held].sum())
    cells = int((middle > 0).sum())
    return max(found - (cells - 1) / 8 * float((1 / rows).sum()), 0.0)


def stability_index(suspect: Counts, reference: Counts) -> float:
    """The population stability index ``sum((p - q) * log(p / q))``, less its bias ``(K - 1) * (1 / n + 1 / m)``.

    Half a row is added to every cell that has some in either table, so that an empty one is no infinity. Not below 0.

    Args:
        suspect: ``(num_cells,)``.
        reference: ``(num_cells,)``.
    """
    both = np.stack((suspect, reference)).astype(np.float64)
    rows = both.sum(axis=1)
    if not rows.all():
        return math.nan
    held = both[:, both.sum(axis=0) > 0] + 0.5
    one, other = held / held.sum(axis=1, keepdims=True)
    found = float(((one - other) * np.log(one / other)).sum())
    return max(found - float((held.shape[1] - 1) * (1 / rows).sum()), 0.0)
