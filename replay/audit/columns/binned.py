"""Numbers by the leading bits of their float32: 65,536 bins, found a few times faster than places among edges.

A bin holds values that agree in sign, exponent and seven bits of the mantissa, within 0.8% of each other; 0 and every
whole number up to 256 have a bin of their own. Rounding to float32 keeps the order, so that only where an edge lies in
a value's bin does the value itself have to be looked at.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.audit.compare import as_floats, nulls
from replay.features.codecs.base import NUMPY_TYPES
from replay.features.codecs.buffers import fixed_width_values
from replay.metrics.magnitude import DeltaHistogram

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

    def histogram(self) -> DeltaHistogram:
        """A histogram of them: the two zeros are one, infinities are of the largest size, and NaN is left out."""
        counts = np.zeros(NUM_BINS, dtype=np.int64)
        bins, filled = self._sparse()
        counts[bins] = filled
        by_sign = counts.reshape(2, -1)
        by_sign[0, 0] += by_sign[1, 0]
        by_sign[1, 0] = 0
        by_sign[:, _INFINITE - 1] += by_sign[:, _INFINITE]
        by_sign[:, _INFINITE:] = 0
        made = DeltaHistogram()
        made.add_counts(by_sign)
        return made

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
