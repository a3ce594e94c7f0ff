"""How many entities a window's mismatches come from: one user whose features are off is no incident."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.clusters import Clusters

Indices = NDArray[np.int64]

_MOST_TILES = 400
_ERRORS = 2.0
_SINGLE = Clusters.of_sizes(np.ones(1_000, dtype=np.int64))


def entity_exponent(entity: NDArray[np.generic], bad: NDArray[np.bool_], first: int, last: int) -> float:
    """Evidence in nats that more entities have a mismatch in a window than in others as long.

    Rows of one entity share its features: however many are mismatched, they are one event. How many entities have one
    is counted in the window and in those beside it, and their variance divides the evidence.

    Args:
        entity: ``(num_rows,)``, of the rows of the slice, in the order of time.
        bad: ``(num_rows,)`` bool, mismatched rows.
        first: First row of the window.
        last: One past its last row.

    Returns:
        The Poisson likelihood ratio ``k log(k/e) - k + e``, over the inflation of the variance; 0 for no excess.
    """
    length = max(1, last - first)
    seen = _distinct(entity, bad, first, last)
    starts = np.concatenate([np.arange(first - length, -1, -length), np.arange(last, len(bad) - length + 1, length)])
    starts = starts[:: max(1, -(-len(starts) // _MOST_TILES))]
    counts = np.array([_distinct(entity, bad, int(start), int(start) + length) for start in starts], dtype=np.float64)
    if not len(counts):  # nothing beside it is as long: what there is, in proportion
        beside = _distinct(entity, bad, 0, first) + _distinct(entity, bad, last, len(bad))
        counts = np.array([beside * length / max(1, len(bad) - length)])
    mean = max(float(counts.mean()), 1.0 / (len(counts) + 1))
    inflation = max(1.0, float(counts.var()) / mean)
    expected = mean + _ERRORS * float(np.sqrt(mean * inflation / len(counts)))
    return float(_SINGLE.exponent(np.array([expected]), np.array([float(seen)]))[0]) / inflation


def _distinct(entity: NDArray[np.generic], bad: NDArray[np.bool_], first: int, last: int) -> int:
    return len(np.unique(entity[first:last][bad[first:last]]))
