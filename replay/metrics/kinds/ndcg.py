"""NDCG@k: how well labels stand at the top of a group, and what a change of scores does to that."""

from __future__ import annotations

import numpy as np

from replay.metrics.order import ORDER_METRICS, Groups, OrderMetric, Ranks
from replay.metrics.usable import Array

NO_POSITIVE = "no group with two labelled rows has a positive label"


class NdcgChange(OrderMetric):
    """NDCG@k less that of the other score, over groups with a positive label."""

    key = "ndcg_change"
    by_k = True
    labelled = True
    same = 0.0
    span = (-1.0, 1.0)
    name_of_k = "ndcg_{k}_change"
    label_of_k = "NDCG@{k} change"
    undefined_of_k = NO_POSITIVE

    @staticmethod
    def off(left: Ranks, right: Ranks, groups: Groups, label: Array, k: int) -> Array:
        """Change of NDCG@k of each group."""
        return ndcg(left, label, groups, k) - ndcg(right, label, groups, k)


def ndcg(ranks: Ranks, label: Array, groups: Groups, k: int) -> Array:
    """NDCG@k of 0/1 labels: the expected gain over the orders of tied rows; NaN where no label is 1.

    ``sum(label / log2(1 + position))`` over the first k positions, by its largest value (Jarvelin and Kekalainen 2002;
    ties as in McSherry and Najork 2008, and as in scikit-learn).

    Returns:
        ``(num_groups,)``, in [0, 1].
    """
    discount = np.concatenate(([0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))))
    first, last = np.minimum(ranks.above, k), np.minimum(ranks.above + ranks.tied, k)
    gained = groups.sum(label * (discount[last] - discount[first]) / ranks.tied)
    ideal = discount[np.minimum(groups.sum(label), k).astype(np.int64)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(ideal > 0, gained / ideal, np.nan))


ORDER_METRICS.register(NdcgChange.key, NdcgChange, rank=80)
