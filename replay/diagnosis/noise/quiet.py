"""Where in time all is quiet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST_ROWS = 20
_BLOCKS = 200
_SHARE = 0.5
_BEST = 0.1
_LIKE_THE_BEST = 5.0
_FEW = 0.04


def quiet_rows(away: Array, named: float) -> NDArray[np.bool_]:
    """Rows of the half of the blocks with the smallest differences, as far as these are like the best ones.

    The time is cut into 200 blocks of equal rows. Where an incident covers most of them, half would hold some of it.

    Args:
        away: ``(num_rows,)``, in the order of time.
        named: A difference that arithmetic and named noises explain: a block that keeps it is quiet.

    Returns:
        ``(num_rows,)`` bool.
    """
    blocks = max(2, min(_BLOCKS, len(away) // LEAST_ROWS))
    of_row = np.arange(len(away)) * blocks // len(away)
    sizes = _upper_quartiles(away, np.searchsorted(of_row, np.arange(blocks + 1)))
    kept = np.argsort(sizes, kind="stable")[: max(1, int(blocks * _SHARE))]
    best = float(np.quantile(sizes, _BEST))
    if np.mean(sizes <= named) >= _FEW:
        best = min(best, named)
    like_the_best = max(_LIKE_THE_BEST * best, named)
    quiet = np.zeros(blocks, dtype=np.bool_)
    quiet[kept[sizes[kept] <= like_the_best]] = True
    return np.asarray(quiet[of_row], dtype=np.bool_)


def _upper_quartiles(away: Array, edges: NDArray[np.intp]) -> Array:
    """Of each block from an edge to the next, ``(num_blocks,)``: blocks of one size in one call."""
    starts, sizes = edges[:-1], np.diff(edges)
    quartiles = np.empty(len(starts))
    for size in np.unique(sizes):
        alike = sizes == size
        quartiles[alike] = np.quantile(away[starts[alike, None] + np.arange(size)], 0.75, axis=1)
    return quartiles
