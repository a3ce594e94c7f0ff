"""The monotone map from one distribution of numbers to another: optimal transport in one dimension."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from replay.hashing import Keys
from replay.metrics.histogram import Histogram, bits_to_float, ordered_bits
from replay.metrics.keyed import reduce_by_key

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quantiles:
    """A distribution of numbers.

    Attributes:
        keys: (n,) the cells that have rows, ascending; where nothing was dropped, each is one number.
        values: (n,) the number that a cell stands for: the one of fewest digits in it.
        upto: (n + 1,) share of the rows before each cell, from 0 to 1.
    """

    keys: Keys
    values: Shares
    upto: Shares

    @classmethod
    def of(cls, histogram: Histogram, shift: int) -> Quantiles:
        """Of the rows that were counted, in cells without so many low bits."""
        keys, counts = reduce_by_key(_cells(histogram.keys, shift), histogram.sums)
        upto = np.concatenate(([0.0], np.cumsum(counts[:, 0])))
        return cls(keys, bits_to_float(keys), upto / max(upto[-1], 1.0))


@dataclass(frozen=True)
class MonotoneMap:
    """Each number to the number that the same share of the rows lies below in the reference.

    Rows with the same number share its range of ranks by chance. The sum of all distances is the least that there is
    (Villani: Topics in optimal transportation, theorem 2.18).

    Attributes:
        here: The distribution of the rows.
        there: The reference.
        shift: Low bits that the numbers of a cell do not share.
    """

    here: Quantiles
    there: Quantiles
    shift: int

    @classmethod
    def between(cls, here: Histogram, there: Histogram) -> MonotoneMap:
        """The map from one distribution to another, both counted by :meth:`Histogram.add` in one class."""
        shift = max(here.shift, there.shift)
        return cls(Quantiles.of(here, shift), Quantiles.of(there, shift), shift)

    @property
    def moved(self) -> float:
        """Share of the numbers that change: all but what a cell's ranks have in common with the same cell's there."""
        _, mine, its = np.intersect1d(self.here.keys, self.there.keys, assume_unique=True, return_indices=True)
        low = np.maximum(self.here.upto[mine], self.there.upto[its])
        high = np.minimum(self.here.upto[mine + 1], self.there.upto[its + 1])
        return 1.0 - float(np.maximum(high - low, 0.0).sum())

    def map(self, values: Shares, shares: Shares) -> Shares:
        """What numbers become, (k,); a number that was not seen here becomes what its neighbours do.

        Args:
            values: (k,) float64, none NaN.
            shares: (k,) random numbers in [0, 1): where among the rows with the same number.
        """
        cells = _cells(ordered_bits(values), self.shift)
        low = self.here.upto[np.searchsorted(self.here.keys, cells, side="left")]
        high = self.here.upto[np.searchsorted(self.here.keys, cells, side="right")]
        target = self._at(np.minimum(low + (high - low) * shares, np.nextafter(high, 0.0)))
        return np.where(self.there.keys[target] == cells, values, self.there.values[target])

    def draw(self, shares: Shares) -> Shares:
        """Numbers of the reference, (k,), for random numbers in [0, 1)."""
        return self.there.values[self._at(shares)]

    def _at(self, ranks: Shares) -> npt.NDArray[np.int64]:
        """Places of the reference's cells in which ranks lie, (k,)."""
        inside = np.clip(ranks, 0.0, np.nextafter(1.0, 0.0))
        return np.searchsorted(self.there.upto, inside, side="right") - 1


def _cells(bits: Keys, shift: int) -> Keys:
    """Patterns without their low bits."""
    return bits >> np.uint64(shift) << np.uint64(shift)
