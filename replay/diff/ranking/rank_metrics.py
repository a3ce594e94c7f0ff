"""How alike two scores rank the rows of a group: Kendall's tau-b, top-k overlap and NDCG, for many groups at once.

Rows of a group are neighbours, and groups are told by offsets, so that a million groups of ten rows and one group of
ten million go the same vectorised way in O(n log n). The highest score ranks first. No score here may be NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.metrics.histogram import bits_to_float, ordered_bits

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

_SHIFT = np.uint64(32)
_LOW = np.uint64(2**32 - 1)
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows in groups that are neighbours.

    Attributes:
        offsets: ``(num_groups + 1,)``, strictly ascending from 0: no group is empty.
        of_row: ``(num_rows,)``: the group of each row.
    """

    offsets: Codes
    of_row: Codes

    @classmethod
    def of_sizes(cls, sizes: NDArray[Any]) -> Groups:
        """Make groups of ``(num_groups,)`` rows, each at least 1."""
        offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        return cls(offsets, np.repeat(np.arange(len(sizes)), sizes))

    @property
    def sizes(self) -> Codes:
        """Rows of each group, ``(num_groups,)``."""
        return np.diff(self.offsets)

    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sum over each group, ``(num_groups,)``."""
        if values.size == 0:
            return np.zeros(0, dtype=values.dtype)
        found: NDArray[Any] = np.add.reduceat(values, self.offsets[:-1])
        return found


@dataclass(frozen=True, slots=True)
class Ranks:
    """Where each row stands in its group by a score. Arrays are ``(num_rows,)``, in the order of the rows.

    Attributes:
        above: Rows of the group with a higher score.
        tied: Rows of the group with the same score, the row itself included.
    """

    above: Codes
    tied: Codes

    def take(self, rows: Codes) -> Ranks:
        """The ranks of some rows; of a group, all or none."""
        return Ranks(self.above[rows], self.tied[rows])


def rank(score: Array, groups: Groups) -> Ranks:
    """Rank the rows of each group, highest score first.

    >>> rank(np.array([0.1, 0.9, 0.9, 0.5]), Groups.of_sizes(np.array([3, 1])))
    Ranks(above=array([2, 0, 0, 0]), tied=array([1, 2, 2, 1]))
    """
    bits = ordered_bits(score)
    if not np.array_equal(bits_to_float(bits), score):
        # Scores that float32 would merge keep their order by their place among all distinct ones.
        bits = np.unique(score, return_inverse=True)[1].astype(np.uint32)
    keys = (groups.of_row.astype(np.uint64) << _SHIFT) | (bits ^ np.uint32(_LOW)).astype(np.uint64)
    order = np.argsort(keys)
    ordered = keys[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sizes = np.diff(np.append(first, keys.size))
    above, tied = np.empty(keys.size, dtype=np.int64), np.empty(keys.size, dtype=np.int64)
    above[order] = np.repeat(first, sizes)
    above -= groups.offsets[groups.of_row]
    tied[order] = np.repeat(sizes, sizes)
    return Ranks(above, tied)


def kendall_tau(left: Ranks, right: Ranks, groups: Groups) -> Array:
    """Kendall's tau-b of two scores within each group; NaN where one of them is the same for all rows.

    ``(P - Q) / sqrt((n0 - n1) (n0 - n2))`` with P concordant and Q discordant pairs, n0 all pairs, n1 and n2 those tied
    on either side (Kendall 1945), by Knight's (1966) count of Q: sorted by one score, the inversions of the other.

    Returns:
        ``(num_groups,)``, in [-1, 1].
    """
    starts = groups.offsets[groups.of_row]
    # A class of ties begins at a place of its own in the order of all rows, so one sort does groups, left and right.
    keys = np.sort(((starts + left.above).astype(np.uint64) << _SHIFT) | right.above.astype(np.uint64))
    both = _tied_pairs(keys, groups)
    n1, n2 = (groups.sum(ranks.tied - 1) // 2 for ranks in (left, right))
    sizes = groups.sizes
    pairs = sizes * (sizes - 1) // 2
    discordant = _inversions((keys & _LOW).astype(np.int64), groups)
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
