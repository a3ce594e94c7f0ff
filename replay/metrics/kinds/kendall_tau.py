"""Kendall's tau-b: 1 for the same order of a group's rows, -1 for the reverse."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replay.metrics.order import ORDER_METRICS, RANK_LOW, RANK_SHIFT, Codes, Groups, OrderMetric, Ranks
from replay.metrics.usable import Array

ALL_TIED = "in every group one side scores all rows the same"


class KendallTau(OrderMetric):
    """Tau-b, over groups of at least two rows in which neither side scores all rows the same."""

    key = "kendall_tau"
    by_k = False
    same = 1.0
    span = (-1.0, 1.0)
    name_of_k = "kendall_tau"
    label_of_k = "Kendall tau"
    undefined_of_k = ALL_TIED

    @staticmethod
    def off(left: Ranks, right: Ranks, groups: Groups, label: Array, k: int) -> Array:
        """Tau - 1 of each group."""
        del label, k
        return kendall_tau(left, right, groups) - 1


def kendall_tau(left: Ranks, right: Ranks, groups: Groups) -> Array:
    """Kendall's tau-b of two scores within each group; NaN where one of them is the same for all rows.

    ``(P - Q) / sqrt((n0 - n1) (n0 - n2))`` with P concordant and Q discordant pairs, n0 all pairs, n1 and n2 those tied
    on either side (Kendall 1945), by Knight's (1966) count of Q: sorted by one score, the inversions of the other.

    Returns:
        ``(num_groups,)``, in [-1, 1].
    """
    starts = groups.offsets[groups.of_row]
    # A class of ties begins at a place of its own in the order of all rows, so one sort does groups, left and right.
    keys = np.sort(((starts + left.above).astype(np.uint64) << RANK_SHIFT) | right.above.astype(np.uint64))
    both = _tied_pairs(keys, groups)
    n1, n2 = (groups.sum(ranks.tied - 1) // 2 for ranks in (left, right))
    sizes = groups.sizes
    pairs = sizes * (sizes - 1) // 2
    discordant = _inversions((keys & RANK_LOW).astype(np.int64), groups)
    surplus = (pairs - n1 - n2 + both - 2 * discordant).astype(np.float64)
    spread = np.sqrt((pairs - n1).astype(np.float64)) * np.sqrt((pairs - n2).astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(spread > 0, np.clip(surplus / spread, -1.0, 1.0), np.nan))


def _tied_pairs(keys: NDArray[np.uint64], groups: Groups) -> Codes:
    """Pairs of each group with the same key; the keys are sorted, and of one group."""
    first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    sizes = np.diff(np.append(first, keys.size))
    pairs = np.zeros(keys.size, dtype=np.int64)
    pairs[first] = sizes * (sizes - 1) // 2
    return groups.sum(pairs)


def _inversions(codes: Codes, groups: Groups) -> Codes:
    """Pairs of each group whose earlier code is the larger one.

    From the highest bit down, rows that agree in all higher bits form a segment; there a 1 before a 0 is an inversion.
    A stable partition by the bit then makes the segments of the next one. Codes below n take log2(n) such passes.
    """
    found = np.zeros(groups.sizes.size, dtype=np.int64)
    segment = groups.offsets[groups.of_row]
    places = np.arange(codes.size)
    for bit in reversed(range(int(codes.max(initial=0)).bit_length())):
        one = (codes >> bit) & 1
        ones = np.cumsum(one) - one
        ones_before = ones - ones[segment]
        is_one = one.astype(bool)
        found += groups.sum(np.where(is_one, 0, ones_before))
        if bit == 0:
            break
        zeros = np.bincount(segment[~is_one], minlength=codes.size)
        split = segment + zeros[segment]
        place = np.where(is_one, split + ones_before, places - ones_before)
        codes, segment = _moved(codes, place), _moved(np.where(is_one, split, segment), place)
    return found


def _moved(values: Codes, place: Codes) -> Codes:
    moved = np.empty_like(values)
    moved[place] = values
    return moved


ORDER_METRICS.register(KendallTau.key, KendallTau, rank=60)
