"""How large a share of all rows is for sure, from a sample that came in blocks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from replay.metrics.interval import t_quantile, wilson


def low_share(found: NDArray[np.bool_], blocks: NDArray[np.int64], of_blocks: int) -> float:
    """Share of the rows of a table that are like the found ones, at least, with 95% confidence.

    Rows of one row group have more in common than others: where only some of the groups were looked into, their shares
    count as one number each, and what they vary by decides (Cochran 1977, 9A, for clusters of a size, with the finite
    population's correction).

    Args:
        found: (num_rows,) True where a sampled row is one.
        blocks: (num_rows,) which block each is from.
        of_blocks: Blocks that there are; 0 where each row was drawn on its own.

    >>> low_share(np.zeros(100, bool), np.zeros(100, np.int64), 0)
    0.0
    """
    low, _ = wilson(float(found.sum()), float(len(found)))
    if low is None:
        return 0.0
    names, places = np.unique(blocks, return_inverse=True)
    if of_blocks <= len(names):
        return low
    if len(names) < 2:
        return 0.0
    shares = np.bincount(places, weights=found.astype(np.float64)) / np.bincount(places)
    left = 1 - len(names) / of_blocks
    half = t_quantile(len(names) - 1) * math.sqrt(float(np.var(shares, ddof=1)) * left / len(names))
    return max(0.0, min(low, float(np.mean(shares)) - half))
