"""A histogram of signed differences, for quantiles of fixed relative accuracy: deterministic, mergeable."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SHIFT = 16
_BINS = 2**15
RELATIVE_ACCURACY = 2.0**-8
"""Largest relative error of a quantile of magnitudes of at least 1.2e-38, the smallest normal float32."""


class DeltaHistogram:
    """Counts of signed differences in bins of constant relative width, for quantiles of them and of their sizes.

    A DDSketch (Masson, Rim and Lee 2019) whose bins come from the bit pattern in place of a logarithm: the exponent and
    seven bits of mantissa of a float32, so 32,768 bins hold every size, once for rises and zeros and once for falls,
    and none is ever merged. Zeros have a bin of their own. Sizes above float32's range count as its largest.

    >>> found = DeltaHistogram()
    >>> found.add(np.array([-1.0, 0.0, 0.0, 2.0]))
    >>> [round(found.quantile(share), 1) for share in (0.25, 0.5, 1.0)], round(found.size_quantile(0.75), 1)
    ([-1.0, 0.0, 2.0], 1.0)
    """

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros((2, _BINS), dtype=np.int64)

    def __getstate__(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        # Few of the bins are ever filled: packed in full, they would be most of what a task sends back.
        filled = np.flatnonzero(self.counts)
        return filled, self.counts.ravel()[filled]

    def __setstate__(self, state: tuple[NDArray[np.int64], NDArray[np.int64]]) -> None:
        self.counts = np.zeros((2, _BINS), dtype=np.int64)
        self.counts.ravel()[state[0]] = state[1]

    def add(self, deltas: NDArray[np.float64]) -> None:
        """Add ``(num_rows,)`` finite numbers."""
        self.counts += np.bincount(_bins(deltas), minlength=2 * _BINS).reshape(2, -1)

    def merge(self, other: DeltaHistogram) -> None:
        """Add another histogram's counts; ``other`` stays as it is."""
        self.counts += other.counts

    def quantile(self, share: float) -> float | None:
        """The smallest difference with at least ``share`` of the rows at or below it, within ``RELATIVE_ACCURACY``.

        Args:
            share: In (0, 1].

        Returns:
            The middle of the bin that holds it; None without rows.
        """
        rises, falls = self.counts
        rank, below = self._rank(share), int(falls.sum())
        if rank is None:
            return None
        return _ranked(rises, rank - below) if rank > below else -_ranked(falls, below - rank + 1)

    def size_quantile(self, share: float) -> float | None:
        """The same of the differences' sizes."""
        rank = self._rank(share)
        return None if rank is None else _ranked(self.counts.sum(axis=0), rank)

    def _rank(self, share: float) -> int | None:
        total = int(self.counts.sum())
        return None if total == 0 else max(int(np.ceil(share * total)), 1)


def _ranked(counts: NDArray[np.int64], rank: int) -> float:
    """The middle of the bin of the rank-th smallest size, from 1."""
    place = int(np.searchsorted(np.cumsum(counts), rank))
    if place == 0:
        return 0.0
    edges = np.array([place, place + 1], dtype=np.uint32) << np.uint32(_SHIFT)
    low, high = edges.view(np.float32).astype(np.float64)
    return float((low + high) / 2) if np.isfinite(high) else float(low)


def _bins(values: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Bin of each finite number: of its magnitude, and ``_BINS`` more below zero."""
    largest = np.finfo(np.float32).max
    with np.errstate(under="ignore"):
        # Adding 0 makes a negative zero positive.
        bounded = np.clip(values, -largest, largest).astype(np.float32) + np.float32(0.0)
        bins = bounded.view(np.uint32) >> np.uint32(_SHIFT)
    # What underflows float32 is tiny but not zero: it goes to the first bin above it.
    tiny = ((bins & np.uint32(_BINS - 1)) == 0) & (values != 0)
    if tiny.any():
        bins = np.where(tiny, np.where(values < 0, np.uint32(_BINS + 1), np.uint32(1)), bins)
    return bins
