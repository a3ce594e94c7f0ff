"""Numbers by the leading bits of their float32: 65,536 bins, found a few times faster than places among edges.

A bin holds values that agree in sign, exponent and seven bits of the mantissa, within 0.8% of each other; 0 and every
whole number up to 256 have a bin of their own. Rounding to float32 keeps the order, so that only where an edge lies in
a value's bin does the value itself have to be looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.audit.compare import as_floats, nulls
from replay.features.codecs.base import NUMPY_TYPES
from replay.features.codecs.buffers import fixed_width_values

Bins = NDArray[np.uint16]
Codes = NDArray[np.uint8]

NUM_BINS: Final = 1 << 16
UNSURE: Final = 255
"""The code of a bin that has an edge in it."""
_WHOLE: Final = 256
_NEGATIVE: Final = 1 << 15
_INFINITE: Final = 0x7F80
_NAN: Final = 0x7FC0
_HIGH: Final = 1 if sys.byteorder == "little" else 0


def binned(values: pa.Array) -> Bins:
    """The bin of each number of a plain type, ``(num_rows,)``; that of NaN where there is none."""
    if len(values) == 0:
        return np.zeros(0, dtype=np.uint16)
    dtype = NUMPY_TYPES.get(values.type)
    bins = bins_of(as_floats(values) if dtype is None else fixed_width_values(values, dtype))
    if values.null_count:
        bins[nulls(values)] = _NAN
    return bins


def bins_of(values: NDArray[Any]) -> Bins:
    """The bin of each number, ``(num_rows,)``: a new array."""
    with np.errstate(over="ignore", under="ignore"):
        rounded = np.ascontiguousarray(values, dtype=np.float32)
    return rounded.view(np.uint16)[_HIGH::2].copy()


@lru_cache(maxsize=256)
def codes_by_bin(edges: tuple[float, ...], first: int, nan: int, *, whole: bool = False) -> Codes:
    """What place each bin has among ascending edges, ``(NUM_BINS,)``.

    Args:
        edges: Place i is that of values in ``(edge i - 1, edge i]``.
        first: The code of place 0; the others follow.
        nan: The code of NaN.
        whole: The values are whole numbers: up to 256 a bin has one of them, and an edge is no more than it.
    """
    limits = np.array(edges) + 0.0  # a negative zero is a zero
    below, above = limits[limits < 0], limits[limits >= 0]
    with_edge = bins_of(limits)
    found = np.full(NUM_BINS, nan, dtype=np.uint8)
    # Bins of falling numbers lie in the order of their sizes: the first of them has all edges below zero under it.
    sizes = [np.bincount(bins & (_NEGATIVE - 1), minlength=_INFINITE + 1) for bins in (bins_of(below), bins_of(above))]
    found[: _INFINITE + 1] = first + below.size + np.cumsum(sizes[1])
    found[_NEGATIVE : _NEGATIVE + _INFINITE + 1] = first + below.size - np.cumsum(sizes[0])
    sure = (np.abs(limits) < _WHOLE) & (limits == np.trunc(limits)) & whole
    rising = with_edge[sure & (limits >= 0)]
    found[rising] -= 1
    # What float32 cannot hold is there as an infinity.
    found[[*with_edge[~sure], _INFINITE, _NEGATIVE + _INFINITE]] = UNSURE
    return found


class BinCounts:
    """Numbers by bin. Mergeable; it travels as the bins that are filled."""

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] | None = None
        self._filled: tuple[Bins, NDArray[np.int64]] = (np.zeros(0, dtype=np.uint16), np.zeros(0, dtype=np.int64))

    def __getstate__(self) -> dict[str, Any]:
        return {"_counts": None, "_filled": self._sparse()}

    def add(self, bins: Bins) -> None:
        """Add numbers by their bins, ``(num_rows,)``."""
        found = np.bincount(bins)
        self._dense()[: found.size] += found

    def merge(self, other: BinCounts) -> None:
        """Add another's numbers; ``other`` stays as it is."""
        bins, counts = other._sparse()
        self._dense()[bins] += counts

    def filled(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The middles of the bins that are filled, ascending, and how many numbers are in each; without NaN.

        A bin that holds one whole number alone, 0 among them, stands for that; infinities are of the largest size.
        """
        bins, counts = self._sparse()
        sizes = bins & (_NEGATIVE - 1)
        kept = sizes <= _INFINITE
        sizes, counts = np.minimum(sizes[kept], _INFINITE - 1), counts[kept]
        signs = np.where((bins[kept] >= _NEGATIVE) & (sizes > 0), -1, 1)
        distinct, places = np.unique(signs * sizes.astype(np.int64), return_inverse=True)
        return _middles(distinct), np.bincount(places, weights=counts, minlength=distinct.size).astype(np.int64)

    def _dense(self) -> NDArray[np.int64]:
        if self._counts is None:
            self._counts = np.zeros(NUM_BINS, dtype=np.int64)
            self._counts[self._filled[0]] = self._filled[1]
        return self._counts

    def _sparse(self) -> tuple[Bins, NDArray[np.int64]]:
        if self._counts is None:
            return self._filled
        bins = np.flatnonzero(self._counts)
        return bins.astype(np.uint16), self._counts[bins]


def _middles(signed: NDArray[np.int64]) -> NDArray[np.float64]:
    """What bins stand for, given by sign and size: the whole number that is in it, up to 256, or else the middle."""
    sizes = np.abs(signed).astype(np.uint32)
    low, high = (
        ((sizes + more) << np.uint32(16)).view(np.float32).astype(np.float64) for more in (np.uint32(0), np.uint32(1))
    )
    middle = np.where((low < _WHOLE) & (low == np.trunc(low)), low, (low + np.where(np.isfinite(high), high, low)) / 2)
    return np.where(signed < 0, -middle, middle)


def quantiles(middles: NDArray[np.float64], counts: NDArray[np.int64], shares: Sequence[float]) -> list[float]:
    """The least of some values with at least a share of all at or below it, of each share; none of no values.

    Args:
        middles: ``(num_values,)``, ascending.
        counts: How often each is there.
        shares: In (0, 1].
    """
    if not counts.size:
        return []
    upto = np.cumsum(counts)
    ranks = np.ceil(np.array(shares) * upto[-1])
    found: list[float] = middles[np.searchsorted(upto, ranks)].tolist()
    return found
