"""Top-k overlap: the share of a group's k highest rows that stay among them."""

from __future__ import annotations

import numpy as np

from replay.metrics.order import ORDER_METRICS, Groups, OrderMetric, Ranks
from replay.metrics.usable import Array

_ROUNDING = 1e-12


class TopKOverlap(OrderMetric):
    """Overlap of the k highest rows, over groups of more than k rows."""

    key = "top_k"
    by_k = True
    same = 1.0
    span = (0.0, 1.0)
    name_of_k = "top_{k}_overlap"
    label_of_k = "top {k} kept"
    undefined_of_k = "no group has more than {k} rows that both sides score"

    @staticmethod
    def off(left: Ranks, right: Ranks, groups: Groups, label: Array, k: int) -> Array:
        """Overlap - 1 of each group."""
        del label
        return top_k_overlap(left, right, groups, k) - 1


def top_k_overlap(left: Ranks, right: Ranks, groups: Groups, k: int) -> Array:
    """Share of the k highest rows by one score that are among the k highest by the other; NaN for groups of k or fewer.

    Rows tied at the cut share the places left there: each is in by ``places left / rows tied``, and a row is in both as
    far as it is in the lesser. With ties at the cut of one score this is the expected overlap when they are broken at
    random; with ties of both, the overlap when they are broken alike, so that a score overlaps itself by 1.

    Returns:
        ``(num_groups,)``, in [0, 1].
    """
    shared = groups.sum(np.minimum(_membership(left, k), _membership(right, k))) / k
    # Thirds of a place add up to 1 but for rounding; an order that did not change is to say so exactly.
    shared = np.where(shared > 1 - _ROUNDING, 1.0, shared)
    return np.where(groups.sizes > k, shared, np.nan)


def _membership(ranks: Ranks, k: int) -> Array:
    return np.clip((k - ranks.above) / ranks.tied, 0.0, 1.0)


ORDER_METRICS.register(TopKOverlap.key, TopKOverlap, rank=70)
