"""Means and second moments of pairs of scores, from which some of the pairs can be taken out again."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LEFT = 1e-3


def left_over(left: float | Array, whole: float | Array) -> bool:
    """Whether sums of what is not negative keep their digits when a part is taken out of the whole."""
    return bool(np.all((np.asarray(left) >= _LEFT * np.asarray(whole)) & np.isfinite(whole)))


class PairMoments:
    """Means and centred second moments of pairs, merged pairwise (Chan, Golub and LeVeque 1979).

    Centred sums keep their digits where the scores are large and vary little; plain sums of squares don't.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = np.zeros(2)
        self.centred = np.zeros((2, 2))
        self.low = np.full(2, np.inf)
        self.high = np.full(2, -np.inf)

    def add(self, left: Array, right: Array) -> None:
        """Add ``(num_pairs,)`` finite pairs, at least one."""
        part = PairMoments()
        both = np.stack((left, right))
        part.count = left.size
        with np.errstate(all="ignore"):
            part.mean = both.mean(axis=1)
            offset = both - part.mean[:, None]
            part.centred = offset @ offset.T
        part.low, part.high = both.min(axis=1), both.max(axis=1)
        self.merge(part)

    def merge(self, other: PairMoments) -> None:
        """Add another part; ``other`` stays as it is."""
        total = self.count + other.count
        if other.count == 0:
            return
        with np.errstate(all="ignore"):
            shift = other.mean - self.mean
            self.centred = self.centred + other.centred + np.outer(shift, shift) * (self.count * other.count / total)
            self.mean = self.mean + shift * (other.count / total)
        self.low, self.high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        self.count = total

    def minus(self, other: PairMoments) -> PairMoments | None:
        """What is left without some of the pairs; None where an extreme may be among these, or digits would be lost."""
        if other.count == 0:
            return self
        left = PairMoments()
        left.count = self.count - other.count
        if left.count == 0 or (self.low == other.low).any() or (self.high == other.high).any():
            return left if left.count == 0 else None
        with np.errstate(all="ignore"):
            left.mean = (self.mean * self.count - other.mean * other.count) / left.count
            shift = other.mean - left.mean
            weight = left.count * other.count / self.count
            left.centred = self.centred - other.centred - np.outer(shift, shift) * weight
        left.low, left.high = self.low, self.high
        return left if left_over(left.centred.diagonal(), self.centred.diagonal()) else None

    @property
    def constant(self) -> bool:
        """Whether one side has a single value (then no correlation is defined)."""
        return bool((self.low >= self.high).any())

    def correlation(self) -> float | None:
        """Pearson's correlation in [-1, 1]; None without pairs, or where a side is constant or overflows."""
        if self.count == 0 or self.constant:
            return None
        with np.errstate(all="ignore"):
            spread = math.sqrt(self.centred[0, 0]) * math.sqrt(self.centred[1, 1])
            share = self.centred[0, 1] / np.float64(spread)
        return max(-1.0, min(1.0, float(share))) if math.isfinite(share) else None
