"""An exact-while-small histogram of floats: deterministic and mergeable.

A bin is the top bits of a float32's pattern, mapped so that unsigned integers sort as the floats do. With all 32 bits a
bin is one float32, and whatever is computed from ranks is exact. When the distinct bins outgrow a bound, low mantissa
bits are dropped: the fewest that bring the whole back within the bound. A part never needs more dropped than the whole,
so the level, and with it the result, depends on the data alone, not on batches, shards or merge order.

KLL sketches (datasketches) are smaller for the same rank error, but randomised: the same data would give another
report on another day, or on another cluster. Replays are compared with each other, so they don't fit.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from replay.metrics.keyed import Keys, Sums, reduce_by_key

Bits = NDArray[np.uint32]
MAX_BINS = 2**20
_GROUP_SHIFT = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_SIGN = np.uint32(0x80000000)


def ordered_bits(values: NDArray[Any]) -> Bits:
    """Patterns of float32 values as unsigned integers in the same order; -0.0 and 0.0 are one.

    >>> bits = ordered_bits(np.array([-1.5, -0.0, 0.0, 2.0]))
    >>> bool((np.diff(bits.astype(np.int64)) >= 0).all()), bool(bits[1] == bits[2])
    (True, True)
    """
    with np.errstate(over="ignore", under="ignore"):
        pattern = (values.astype(np.float32) + np.float32(0.0)).view(np.uint32)
    negative = (pattern & _SIGN) != 0
    return np.where(negative, ~pattern, pattern | _SIGN)


def bits_to_float(bits: NDArray[Any]) -> NDArray[np.float64]:
    """The float32 values that ``ordered_bits`` came from, as float64."""
    ordered = bits.astype(np.uint32)
    pattern = np.where((ordered & _SIGN) != 0, ordered ^ _SIGN, ~ordered)
    return cast("NDArray[np.float64]", pattern.view(np.float32).astype(np.float64))


class Histogram:
    """Weights by (group, bin, class).

    Args:
        classes: Columns a row can add to (0 = negative label, 1 = positive, ...).
        weighted: Whether rows have weights; then sums and squares of weights are kept beside counts.
        max_bins: Distinct (group, bin) pairs kept before low bits are dropped.
    """

    def __init__(self, classes: int, *, weighted: bool = False, max_bins: int = MAX_BINS) -> None:
        self.classes = classes
        self.weighted = weighted
        self.max_bins = max_bins
        self._shift = 0
        self._rounded = False
        self._keys: Keys = np.zeros(0, dtype=np.uint64)
        self._sums: Sums = np.zeros((0, classes * (3 if weighted else 1)))
        # Parts wait here until they are worth one sort together.
        self._waiting: list[tuple[Keys, Sums]] = []

    @property
    def keys(self) -> Keys:
        """Group in the high 32 bits and bin in the low 32, ascending: ``(num_bins,)``."""
        self._settle()
        return self._keys

    @property
    def sums(self) -> Sums:
        """Counts by class; where weighted, then sums of weights, then of their squares: ``(num_bins, columns)``."""
        self._settle()
        return self._sums

    @property
    def shift(self) -> int:
        """Low bits of a bin that were dropped."""
        self._settle()
        return self._shift

    @property
    def exact(self) -> bool:
        """Whether every bin stands for one value: nothing was dropped, and every value was a float32."""
        return self.shift == 0 and not self._rounded

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        groups, bins = np.unique(self._keys >> _GROUP_SHIFT, return_counts=True)
        # Steps from key to key are small numbers, which compress well; they wrap around where a group begins.
        steps = np.diff((self._keys & _LOW).astype(np.uint32), prepend=np.uint32(0))
        return {**self.__dict__, "_keys": (groups, bins, steps), "_sums": _packed_sums(self._sums)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        groups, bins, steps = state["_keys"]
        self._keys = (np.repeat(groups, bins) << _GROUP_SHIFT) | np.cumsum(steps, dtype=np.uint32)
        self._sums = state["_sums"].astype(np.float64)

    def add(self, values: NDArray[Any], classes: NDArray[Any], weights: NDArray[np.float64] | None = None) -> None:
        """Add rows of group 0 by their values: ``(num_rows,)``, finite; float64 is rounded to float32."""
        bits = ordered_bits(values)
        rounded = not bool(np.array_equal(bits_to_float(bits), values))
        self.add_bits(bits, classes, weights, rounded=rounded)

    def add_bits(
        self,
        bits: Bits,
        classes: NDArray[Any],
        weights: NDArray[np.float64] | None = None,
        groups: NDArray[Any] | None = None,
        *,
        sign: float = 1.0,
        rounded: bool = False,
    ) -> None:
        """Add rows.

        Args:
            bits: ``(num_rows,)``, the ``ordered_bits`` of their values.
            classes: ``(num_rows,)``, integers in ``[0, classes)``.
            weights: ``(num_rows,)``; required where the histogram is weighted.
            groups: ``(num_rows,)``, integers in ``[0, 2**28)``; None is group 0.
            sign: -1 takes the rows out again.
            rounded: Whether some value was no float32.
        """
        if bits.size == 0:
            return
        self._rounded = self._rounded or rounded
        keys = (bits & np.uint32((0xFFFFFFFF << self._shift) & 0xFFFFFFFF)).astype(np.uint64)
        if groups is not None:
            keys |= groups.astype(np.uint64) << _GROUP_SHIFT
        found, sums = self._count(keys, classes, weights)
        if sign != 1.0:
            sums *= sign
        self._wait(found, sums)

    def _count(self, keys: Keys, classes: NDArray[Any], weights: NDArray[np.float64] | None) -> tuple[Keys, Sums]:
        """Sums by (key, class). Counting needs one sort: the class rides in the low bits of the sorted word."""
        if self.weighted:
            if weights is None:
                raise ValueError("a weighted histogram needs `weights`")
            return self._weigh(keys, classes, weights)
        packed = np.sort(keys * np.uint64(self.classes) + classes.astype(np.uint64))
        starts = np.flatnonzero(np.concatenate(([True], packed[1:] != packed[:-1])))
        counts = np.diff(np.append(starts, packed.size))
        of_pair, label = np.divmod(packed[starts], np.uint64(self.classes))
        first = np.concatenate(([True], of_pair[1:] != of_pair[:-1]))
        found = of_pair[first]
        sums = np.zeros((found.size, self.classes))
        sums[np.cumsum(first) - 1, label.astype(np.int64)] = counts
        return found, sums

    def _weigh(self, keys: Keys, classes: NDArray[Any], weights: NDArray[np.float64]) -> tuple[Keys, Sums]:
        found, place = np.unique(keys, return_inverse=True)
        cell = place * self.classes + classes.astype(np.int64)
        size = found.size * self.classes
        planes = [
            np.bincount(cell, minlength=size),
            np.bincount(cell, weights=weights, minlength=size),
            np.bincount(cell, weights=weights * weights, minlength=size),
        ]
        return found, np.concatenate([plane.reshape(-1, self.classes) for plane in planes], axis=1)

    def _wait(self, keys: Keys, sums: Sums) -> None:
        self._waiting.append((keys, sums))
        if sum(part.size for part, _ in self._waiting) > self.max_bins:
            self._settle()

    def _settle(self) -> None:
        """Add up what waits, and drop as few low bits as bring the number of bins within the bound."""
        if not self._waiting:
            return
        parts = [(self._keys, self._sums), *self._waiting]
        self._waiting = []
        keys = np.concatenate([part for part, _ in parts]) & ~np.uint64((1 << self._shift) - 1)
        order = np.argsort(keys)
        keys = keys[order]
        if keys.size == 0:
            return
        # The level is found from the keys alone, so that the sums are added up once, at that level.
        distinct = keys[np.concatenate(([True], keys[1:] != keys[:-1]))]
        self._shift = max(self._shift, _shift_to_fit(distinct, self.max_bins))
        keys &= ~np.uint64((1 << self._shift) - 1)
        self._keys, self._sums = reduce_by_key(keys, np.concatenate([sums for _, sums in parts])[order])

    def _coarsen(self, shift: int) -> None:
        self._keys, self._sums = reduce_by_key(self._keys & ~np.uint64((1 << shift) - 1), self._sums)
        self._shift = shift

    def merge(self, other: Histogram, *, groups: NDArray[Any] | None = None) -> None:
        """Add another histogram; ``other`` stays as it is.

        Args:
            other: Of the same classes, weights and bound.
            groups: What other's group codes are called here: ``(num_groups,)``; None where they are the same.
        """
        keys = other.keys if groups is None else _regroup(other.keys, groups)
        self._rounded = self._rounded or other._rounded
        shift = max(self.shift, other.shift)
        if shift > self._shift:
            self._coarsen(shift)
        self._waiting.append((keys, other.sums))
        self._settle()

    def merged_with(self, other: Histogram) -> Histogram:
        """A new histogram of both."""
        whole = Histogram(self.classes, weighted=self.weighted, max_bins=self.max_bins)
        whole.merge(other)
        whole.merge(self)
        return whole

    def regroup(self, groups: NDArray[Any]) -> None:
        """Give the groups other codes: ``(num_groups,)``, new by old; groups that meet are added."""
        self._keys, self._sums = reduce_by_key(_regroup(self.keys, groups), self.sums)

    def group(self, code: int) -> Histogram:
        """The histogram of one group alone, as group 0."""
        low, high = np.searchsorted(self.keys, np.array([code, code + 1], dtype=np.uint64) << _GROUP_SHIFT)
        part = Histogram(self.classes, weighted=self.weighted, max_bins=self.max_bins)
        part._shift, part._rounded = self.shift, self._rounded
        part._keys = self.keys[low:high] & _LOW
        part._sums = self.sums[low:high]
        return part

    def counts(self, label: int) -> NDArray[np.float64]:
        """Rows of a class by bin, ``(num_bins,)``."""
        return self.sums[:, label]

    def weights(self, label: int) -> NDArray[np.float64]:
        """Sum of the weights of a class by bin, ``(num_bins,)``; without weights, the rows."""
        return self.sums[:, self.classes + label] if self.weighted else self.sums[:, label]

    def squares(self, label: int) -> NDArray[np.float64]:
        """Sum of the squared weights of a class by bin, ``(num_bins,)``; without weights, the rows."""
        return self.sums[:, 2 * self.classes + label] if self.weighted else self.sums[:, label]

    def bin_edges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The smallest and the largest float32 of every bin; the same while no bits were dropped."""
        low = (self.keys & _LOW).astype(np.uint32)
        return bits_to_float(low), bits_to_float(low + np.uint32((1 << self.shift) - 1))

    def bin_values(self) -> NDArray[np.float64]:
        """What the bins stand for: the value itself while no bits were dropped, else the middle of the bin."""
        low, high = self.bin_edges()
        with np.errstate(over="ignore", invalid="ignore"):
            return low if self.shift == 0 else (low + high) / 2


def _shift_to_fit(keys: Keys, max_bins: int) -> int:
    """The fewest low bits to drop from ascending distinct keys so that at most ``max_bins`` are left, at most 31."""
    if keys.size <= max_bins:
        return 0
    # Neighbours fall together once the shift passes the highest bit in which they differ.
    highest = np.frexp((keys[1:] ^ keys[:-1]).astype(np.float64))[1]
    left = keys.size - np.cumsum(np.bincount(np.minimum(highest, 32), minlength=33))  # by shift
    return min(int(np.count_nonzero(left > max_bins)), 31)


def _packed_sums(sums: Sums) -> NDArray[Any]:
    """Counts in the smallest type that holds them; sums of weights stay what they are."""
    bound = float(np.abs(sums).max(initial=0.0))
    if bound >= 2**53 or not np.array_equal(np.rint(sums), sums):
        return sums
    return sums.astype(np.min_scalar_type(-int(bound) - 1))


def _regroup(keys: Keys, groups: NDArray[Any]) -> Keys:
    codes = groups.astype(np.uint64)[(keys >> _GROUP_SHIFT).astype(np.int64)]
    return cast("Keys", (codes << _GROUP_SHIFT) | (keys & _LOW))
