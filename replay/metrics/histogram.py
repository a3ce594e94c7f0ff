"""An exact-while-small histogram of floats: deterministic and mergeable.

A bin is the top bits of a float64's pattern, mapped so that unsigned integers sort as the floats do. With all of them
a bin is one float, and whatever is computed from ranks is exact, for float32 scores as for float64 ones that differ
in the last digit. When the distinct bins outgrow a bound, low mantissa bits are dropped: the fewest that bring the
whole back within the bound. A part never needs more dropped than the whole, so the level, and with it the result,
depends on the data alone, not on batches, shards or merge order.

Where a histogram has groups, 16 of a bin's 64 bits name the group, and the last 16 of the pattern are dropped from
the start: of float32 scores that is nothing, of float64 ones it is a resolution of 1.5e-11 of a score. ``exact`` says
whether anything was lost.

KLL sketches (datasketches) are smaller for the same rank error, but randomised: the same data would give another
report on another day, or on another cluster. Replays are compared with each other, so they don't fit.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from replay.metrics.keyed import Keys, Sums, merge_order, reduce_by_key, sort_keys

Bits = NDArray[np.uint64]
MAX_BINS = 2**20
GROUP_BITS = 16
"""Bits of a key that name the group, where there are groups."""
_MOST_WORDS = 2**18
"""Rows that wait to be counted together."""
_MOST_PARTS = 64
"""Counted parts that wait to be added up together."""
_WORD = 64
_MOST = np.int64(2**63 - 1)
_SIGN = np.uint64(2**63)


def ordered_bits(values: NDArray[Any]) -> Bits:
    """Patterns of float64 values as unsigned integers in the same order; -0.0 and 0.0 are one.

    A value and its negative lie as far from 0, so that those with few digits end in zeros on both sides of it.

    >>> bits = ordered_bits(np.array([-1.5, -0.0, 0.0, 2.0]))
    >>> bool((np.diff(bits.astype(np.float64)) >= 0).all()), bool(bits[1] == bits[2])
    (True, True)
    """
    pattern = np.ascontiguousarray(values, dtype=np.float64).view(np.int64)
    negative = pattern >> 63  # 0 or -1: an XOR with -1, less -1, changes the sign
    return ((pattern & _MOST ^ negative) - negative).view(np.uint64) ^ _SIGN


def bits_to_float(bits: NDArray[Any]) -> NDArray[np.float64]:
    """The float64 values that ``ordered_bits`` came from."""
    size = (bits.astype(np.uint64) ^ _SIGN).view(np.int64)
    negative = size >> 63
    pattern = ((size ^ negative) - negative).view(np.uint64) | (negative.view(np.uint64) & _SIGN)
    return cast("NDArray[np.float64]", pattern.view(np.float64))


class Histogram:
    """Weights by (group, bin, class).

    Args:
        classes: Columns a row can add to (0 = negative label, 1 = positive, ...).
        weighted: Whether rows have weights; then sums and squares of weights are kept beside counts.
        max_bins: Distinct (group, bin) pairs kept before low bits are dropped.
        grouped: Whether rows have groups.
    """

    def __init__(
        self, classes: int, *, weighted: bool = False, max_bins: int = MAX_BINS, grouped: bool = False
    ) -> None:
        self.classes = classes
        self.weighted = weighted
        self.max_bins = max_bins
        self._spare = GROUP_BITS if grouped else 0
        self._shift = 0
        self._rounded = False
        self._keys: Keys = np.zeros(0, dtype=np.uint64)
        self._sums: Sums = np.zeros((0, classes * (3 if weighted else 1)))
        # Rows and parts wait here until they are worth one sort together.
        self._words: list[Keys] = []
        self._waiting: list[tuple[Keys, Sums]] = []

    @property
    def _value_bits(self) -> np.uint64:
        """Bits of a key that are its bin; the group is above them."""
        return np.uint64(_WORD - self._spare)

    @property
    def _low(self) -> np.uint64:
        return np.uint64((1 << int(self._value_bits)) - 1)

    @property
    def keys(self) -> Keys:
        """Bins, ascending: ``(num_bins,)``; with groups, these are in the high 16 bits."""
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
        """Whether every bin stands for one value: nothing was dropped."""
        return self.shift == 0 and not self._rounded

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        groups, first, bins = self._groups()
        values = self._keys & self._low
        # Steps from key to key are small numbers, which compress well, and end in zeros where digits are few.
        steps = np.diff(values, prepend=np.uint64(0))
        steps[first] = 0
        zeros = _trailing_zeros(steps)
        steps >>= np.uint64(min(zeros, _WORD - 1))
        packed = steps if steps.max(initial=0) >= 2**32 else steps.astype(np.uint32)
        return {
            **self.__dict__,
            "_keys": (groups, bins, values[first], packed, zeros),
            "_sums": _packed_sums(self._sums),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        groups, bins, starts, packed, zeros = state["_keys"]
        risen = np.cumsum(packed.astype(np.uint64) << np.uint64(min(zeros, _WORD - 1)), dtype=np.uint64)
        first = np.cumsum(bins) - bins
        values = risen + np.repeat(starts - risen[first], bins)
        self._keys = values if not self._spare else (np.repeat(groups, bins) << self._value_bits) | values
        self._sums = state["_sums"].astype(np.float64)

    def _groups(self) -> tuple[Keys, NDArray[np.int64], NDArray[np.int64]]:
        """Codes of the groups that have bins, the place of each one's first bin, and how many it has."""
        if not self._spare:
            some = min(self._keys.size, 1)
            return np.zeros(some, dtype=np.uint64), np.zeros(some, dtype=np.int64), np.full(some, self._keys.size)
        return np.unique(self._keys >> self._value_bits, return_index=True, return_counts=True)

    def add(self, values: NDArray[Any], classes: NDArray[Any], weights: NDArray[np.float64] | None = None) -> None:
        """Add rows of group 0 by their values: ``(num_rows,)``, finite."""
        self.add_bits(ordered_bits(values), classes, weights)

    def add_bits(
        self,
        bits: Bits,
        classes: NDArray[Any],
        weights: NDArray[np.float64] | None = None,
        groups: NDArray[Any] | None = None,
        *,
        sign: float = 1.0,
    ) -> None:
        """Add rows.

        Args:
            bits: ``(num_rows,)``, the ``ordered_bits`` of their values.
            classes: ``(num_rows,)``, integers in ``[0, classes)``.
            weights: ``(num_rows,)``; required where the histogram is weighted.
            groups: ``(num_rows,)``, integers in ``[0, 2**16 - 1)``, of a histogram that has groups; None is group 0.
            sign: -1 takes the rows out again.
        """
        if bits.size == 0:
            return
        if self._spare:
            self._rounded = self._rounded or _trailing_zeros(bits) < self._spare
            keys = (bits >> np.uint64(self._spare)) & _from_bit(self._shift)
            if groups is not None:
                keys |= groups.astype(np.uint64) << self._value_bits
        else:
            keys = bits & _from_bit(self._shift)
        if not self.weighted and (self._shift >= self._places or _trailing_zeros(keys) >= self._places):
            self._words.append(keys | (classes.astype(np.uint64) << np.uint64(1)) | np.uint64(sign < 0))
            if sum(part.size for part in self._words) > _MOST_WORDS:
                self._settle()
            return
        found, sums = self._weigh(keys, classes, weights) if self.weighted else self._tally(keys, classes)
        if sign != 1.0:
            sums *= sign
        self._wait(found, sums)

    def add_counts(self, bits: Bits, sums: Sums) -> None:
        """Add rows that are counted already, where there are no groups.

        Args:
            bits: ``(n,)``, the ``ordered_bits`` of values, or what else is to be ordered; repeats allowed.
            sums: ``(n, columns)`` of each.
        """
        self._wait(*reduce_by_key(bits, sums))
        if len(self._waiting) >= _MOST_PARTS:
            self._settle()

    @property
    def _places(self) -> int:
        """Low bits in which a row's class rides, and whether the row is taken out, where no key uses them."""
        return (self.classes - 1).bit_length() + 1

    def _count(self, words: Keys) -> tuple[Keys, Sums]:
        """Counts by (key, class), of rows that are taken out negative. One sort of the words is all that it needs."""
        words = sort_keys(words)
        starts = np.flatnonzero(np.concatenate(([True], words[1:] != words[:-1])))
        counts, distinct = np.diff(np.append(starts, words.size)).astype(np.float64), words[starts]
        np.negative(counts, out=counts, where=(distinct & np.uint64(1)) != 0)
        of_pair = distinct & _from_bit(self._places)
        label = ((distinct ^ of_pair) >> np.uint64(1)).astype(np.int64)
        first = np.concatenate(([True], of_pair[1:] != of_pair[:-1]))
        cell = (np.cumsum(first) - 1) * self.classes + label
        sums: Sums = np.bincount(cell, weights=counts, minlength=int(first.sum()) * self.classes).astype(np.float64)
        return of_pair[first], sums.reshape(-1, self.classes)

    def _tally(self, keys: Keys, classes: NDArray[Any]) -> tuple[Keys, Sums]:
        """Counts of keys that use their last bits: few rows, or soon some bits are dropped."""
        found, place = np.unique(keys, return_inverse=True)
        cells = place * self.classes + classes.astype(np.int64)
        counts = np.bincount(cells, minlength=found.size * self.classes)
        return found, counts.reshape(-1, self.classes).astype(np.float64)

    def _weigh(self, keys: Keys, classes: NDArray[Any], weights: NDArray[np.float64] | None) -> tuple[Keys, Sums]:
        if weights is None:
            raise ValueError("a weighted histogram needs `weights`")
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
        if self._words:
            words, self._words = np.concatenate(self._words), []
            self._waiting.append(self._count(words))
        parts = [part for part in ((self._keys, self._sums), *self._waiting) if part[0].size]
        if not self._waiting or not parts:
            return
        self._waiting = []
        keys = np.concatenate([part for part, _ in parts]) & _from_bit(self._shift)
        sums = np.concatenate([part for _, part in parts])
        if len(parts) > 1:  # one part alone is in order
            order = merge_order(keys)
            keys, sums = keys[order], sums[order]
        # The level is found from the keys alone, so that the sums are added up once, at that level.
        distinct = keys[np.concatenate(([True], keys[1:] != keys[:-1]))]
        self._shift = max(self._shift, _shift_to_fit(distinct, self.max_bins, int(self._value_bits) - 1))
        keys &= _from_bit(self._shift)
        self._keys, self._sums = reduce_by_key(keys, sums)

    def _coarsen(self, shift: int) -> None:
        self._keys, self._sums = reduce_by_key(self._keys & _from_bit(shift), self._sums)
        self._shift = shift

    def merge(self, other: Histogram, *, groups: NDArray[Any] | None = None) -> None:
        """Add another histogram; ``other`` stays as it is.

        Args:
            other: Of the same classes, weights and bound.
            groups: What other's group codes are called here: ``(num_groups,)``; None where they are the same.
        """
        keys = other.keys if groups is None else self._regrouped(other.keys, groups)
        self._rounded = self._rounded or other._rounded
        shift = max(self.shift, other.shift)
        if shift > self._shift:
            self._coarsen(shift)
        self._waiting.append((keys, other.sums))
        self._settle()

    def _like(self) -> Histogram:
        """An empty one."""
        grouped = self._spare > 0
        return Histogram(self.classes, weighted=self.weighted, max_bins=self.max_bins, grouped=grouped)

    def merged_with(self, other: Histogram) -> Histogram:
        """A new histogram of both."""
        whole = self._like()
        whole.merge(other)
        whole.merge(self)
        return whole

    def regroup(self, groups: NDArray[Any]) -> None:
        """Give the groups other codes: ``(num_groups,)``, new by old; groups that meet are added."""
        self._keys, self._sums = reduce_by_key(self._regrouped(self.keys, groups), self.sums)

    def _regrouped(self, keys: Keys, groups: NDArray[Any]) -> Keys:
        codes = groups.astype(np.uint64)[(keys >> self._value_bits).astype(np.int64)]
        return cast("Keys", (codes << self._value_bits) | (keys & self._low))

    def group(self, code: int) -> Histogram:
        """The histogram of one group alone, as group 0."""
        low, high = np.searchsorted(self.keys, np.array([code, code + 1], dtype=np.uint64) << self._value_bits)
        part = self._like()
        part._shift, part._rounded = self.shift, self._rounded
        part._keys = self.keys[low:high] & self._low
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
        """The smallest and the largest float of every bin; the same while nothing was dropped."""
        low = (self.keys & self._low) << np.uint64(self._spare)
        dropped = 0 if self.exact else (1 << (self.shift + self._spare)) - 1
        return bits_to_float(low), bits_to_float(low | np.uint64(dropped))

    def bin_values(self) -> NDArray[np.float64]:
        """What the bins stand for: the value itself while nothing was dropped, else the middle of the bin."""
        low, high = self.bin_edges()
        with np.errstate(over="ignore", invalid="ignore"):
            return low if self.exact else low / 2 + high / 2


def _from_bit(shift: int) -> np.uint64:
    """A mask of all bits but the lowest."""
    return np.uint64(2**_WORD - (1 << shift))


def _trailing_zeros(words: NDArray[np.uint64]) -> int:
    """Low bits that are 0 in all of the words; 64 where all are 0."""
    used = int(np.bitwise_or.reduce(words)) if words.size else 0
    return (used & -used).bit_length() - 1 if used else _WORD


def _shift_to_fit(keys: Keys, max_bins: int, most: int) -> int:
    """The fewest low bits to drop from ascending distinct keys so that ``max_bins`` are left, at most ``most``."""
    if keys.size <= max_bins:
        return 0
    # Neighbours fall together once the shift passes the highest bit in which they differ. Without a 1 after a 1, the
    # word is rounded to a float without reaching the next power of two.
    apart = keys[1:] ^ keys[:-1]
    highest = np.frexp((apart & ~(apart >> np.uint64(1))).astype(np.float64))[1]
    left = keys.size - np.cumsum(np.bincount(highest, minlength=_WORD + 1))  # by shift
    return min(int(np.count_nonzero(left > max_bins)), most)


def _packed_sums(sums: Sums) -> NDArray[Any]:
    """Counts in the smallest type that holds them; sums of weights stay what they are."""
    bound = float(np.abs(sums).max(initial=0.0))
    if bound >= 2**53 or not np.array_equal(np.rint(sums), sums):
        return sums
    return sums.astype(np.min_scalar_type(-int(bound) - 1))
