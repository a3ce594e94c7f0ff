"""How likely a count of mismatched rows is by chance, when mismatches come in clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_STEPS = 600
_MOST_RATIO = 1e8
_LOWEST_TILT = -40.0
_MOST_SIZES = 64
_MOST_APART = 10


@dataclass(frozen=True)
class Clusters:
    """Chernoff's bound for a compound Poisson count, as a function of observed over expected.

    A request's rows share their features, so that mismatches come in clusters. With clusters that arrive at rate
    ``lam`` and have sizes drawn from the seen ones, ``P(count >= k) <= exp(-lam * J(k / expected))`` with
    ``J(r) = max_t(t * r * mean - (E[exp(t * size)] - 1))``. For clusters of one row this is the Poisson likelihood
    ratio ``r * log(r) - r + 1``, the exponent of Kulldorff's scan statistic for a known background.

    Attributes:
        mean: Mean size of a cluster.
        log_ratio: ``(num_steps,)``, log of observed over expected.
        bound: ``(num_steps,)``, ``J`` at each ratio.
        slope: ``J``'s at the last ratio.
        low_ratio: ``(num_steps,)``, observed over expected from 0 to 1.
        low_bound: ``(num_steps,)``, ``J`` at each of them.
    """

    mean: float
    log_ratio: NDArray[np.float64]
    bound: NDArray[np.float64]
    slope: float
    low_ratio: NDArray[np.float64]
    low_bound: NDArray[np.float64]

    @classmethod
    def of_sizes(cls, sizes: NDArray[np.int64], typical: float = 1.0) -> Clusters:
        """From the sizes of clusters seen where all is quiet.

        Args:
            sizes: ``(num_clusters,)``, each at least 1; may be empty.
            typical: The size to assume where few clusters were seen: that of a whole group. Its share is
                ``1 / (1 + num_clusters)^2``, so that it matters only then.
        """
        values, counts = np.unique(sizes, return_counts=True)
        if len(values) > _MOST_SIZES:
            values, counts = _coarsen(values, counts)
        share = 1.0 / (1.0 + len(sizes)) ** 2
        size = np.append(values, max(1.0, typical)).astype(np.float64)
        weight = np.append(counts * ((1.0 - share) / max(1, len(sizes))), share)
        weight /= weight.sum()
        mean = float(size @ weight)
        tilt = _tilts(size, weight, mean)
        ratio, bound = _bounds(tilt, size, weight)
        low_ratio, low_bound = _bounds(_LOWEST_TILT * np.linspace(1.0, 0.0, _STEPS) ** 3, size, weight)
        low_ratio[0], low_bound[0] = 0.0, 1.0
        return cls(mean, np.log(ratio), bound, float(tilt[-1] * mean), low_ratio, low_bound)

    def exponent(self, expected: NDArray[Any], observed: NDArray[Any]) -> NDArray[np.float64]:
        """``-log`` of the bound on the chance of at least ``observed`` rows; 0 where there are no more than expected.

        >>> found = Clusters.of_sizes(np.ones(1000, dtype=np.int64)).exponent(np.array([10.0]), np.array([40.0]))
        >>> bool(abs(found[0] - (40 * np.log(4) - 30)) < 0.01)
        True
        """
        ratio = np.maximum(observed / np.maximum(expected, 1e-300), 1.0)
        bound = np.interp(np.log(ratio), self.log_ratio, self.bound)
        # J is convex: its last tangent is a safe bound further out.
        last = float(np.exp(self.log_ratio[-1]))
        bound = np.where(ratio > last, self.bound[-1] + self.slope * (ratio - last), bound)
        return np.asarray(bound * (expected / self.mean), dtype=np.float64)

    def shortfall(self, expected: NDArray[Any], observed: NDArray[Any]) -> NDArray[np.float64]:
        """``-log`` of the bound on the chance of at most ``observed`` rows; 0 where there are no fewer than expected.

        >>> found = Clusters.of_sizes(np.ones(1000, dtype=np.int64)).shortfall(np.array([10.0]), np.array([0.0]))
        >>> float(found[0])
        10.0
        """
        ratio = np.minimum(observed / np.maximum(expected, 1e-300), 1.0)
        return np.asarray(np.interp(ratio, self.low_ratio, self.low_bound) * (expected / self.mean), dtype=np.float64)


def _bounds(
    tilt: NDArray[np.float64], size: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Observed over expected at which each tilt is the best one, and ``J`` there."""
    power = np.exp(np.outer(tilt, size))
    growth, tilted = power @ weight, power @ (weight * size)
    return tilted / float(size @ weight), np.maximum(tilt * tilted - (growth - 1.0), 0.0)


def _tilts(size: NDArray[np.float64], weight: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    """Tilts from 0 to where the ratio is as large as it ever gets, denser near 0."""
    low, high = 0.0, 600.0 / float(size.max())
    for _ in range(60):
        middle = (low + high) / 2
        reached = float(np.exp(middle * size) @ (weight * size)) / mean
        low, high = (middle, high) if reached < _MOST_RATIO else (low, middle)
    return np.asarray(low * np.linspace(0.0, 1.0, _STEPS) ** 1.5, dtype=np.float64)


def _coarsen(values: NDArray[Any], counts: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Sizes rounded up to a grid of equal ratios; rounding up is the safe side."""
    grid = np.unique(np.ceil(np.geomspace(1.0, float(values[-1]), _MOST_SIZES)))
    index = np.searchsorted(grid, values)
    return grid, np.bincount(index, weights=counts, minlength=len(grid))


def cluster_sizes(cluster: NDArray[Any]) -> NDArray[np.int64]:
    """How many rows each cluster has.

    >>> cluster_sizes(np.array(["a", "b", "a"])).tolist()
    [2, 1]
    """
    return np.unique(cluster, return_counts=True)[1].astype(np.int64)


def neighbours(indices: NDArray[np.int64], rate: float) -> NDArray[np.int64]:
    """Clusters of rows that lie closer together than a tenth of their usual distance.

    Stands in for the groups where nothing says which rows belong together; of rows that are spread at random it joins
    about one in ten.

    Args:
        indices: ``(num_rows,)`` positions, ascending.
        rate: Share of all rows that these are.

    >>> neighbours(np.array([0, 2, 30, 31]), 0.03).tolist()
    [0, 0, 1, 1]
    """
    within = min(_MOST_APART, max(1.0, 0.1 / max(rate, 1e-9)))
    return np.cumsum(np.diff(indices, prepend=indices[:1]) > within)
