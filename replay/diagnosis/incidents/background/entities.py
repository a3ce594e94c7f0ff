"""How few entities a window's mismatches come from: one user whose features are off is no incident."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.clusters import cluster_sizes


def capped_count(entity: NDArray[Any], group: NDArray[Any] | None, typical: float) -> float:
    """Mismatched rows of a window, of which those of one entity count for no more than one group does.

    Rows of one entity share its features: however many are mismatched, they are one event, as the rows of a group are,
    for which the scan allows already.

    Args:
        entity: ``(num_mismatched,)`` of the mismatched rows.
        group: ``(num_mismatched,)`` of the same rows, or None where no group is known.
        typical: Rows of a whole group.

    >>> capped_count(np.array([5, 5, 5, 5, 6]), np.array([1, 1, 2, 2, 3]), 1.0)
    2.8
    """
    if not len(entity):
        return 0.0
    cap = typical
    if group is not None:
        sizes = cluster_sizes(group).astype(np.float64)
        cap = max(cap, float((sizes**2).sum() / sizes.sum()))  # of the group that a random row is in
    return float(np.minimum(cluster_sizes(entity), cap).sum())
