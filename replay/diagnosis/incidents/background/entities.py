"""How few entities a window's mismatches come from: one user whose features are off is no incident."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.clusters import cluster_sizes
from replay.diagnosis.incidents.likelihood import Model
from replay.diagnosis.incidents.rows import RowTable


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


def evidence_by_entity(
    rows: RowTable, mismatched: NDArray[np.int64], num: int, typical: float, model: Model, baseline: float
) -> float:
    """Evidence of some rows in nats, where the mismatched ones are counted as :func:`capped_count` does.

    Args:
        rows: All rows; without an ``entity`` each row counts.
        mismatched: ``(num_mismatched,)`` positions.
        num: How many rows they are of.
        typical: Rows of a whole group.
        model: Of the mismatched rows.
        baseline: The quiet level.
    """
    total = float(len(mismatched))
    if rows.entity is not None:
        group = None if rows.group is None else rows.group[mismatched]
        total = capped_count(rows.entity[mismatched], group, typical)
    return float(model.exponent(np.array([float(num)]), np.array([total]), np.array([baseline]))[0])
