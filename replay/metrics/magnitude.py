"""Histograms of sizes and of signed differences, for quantiles of fixed relative accuracy: deterministic, mergeable."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MAGNITUDE_SHIFT = 16
_MAGNITUDE_BINS = 2**15
RELATIVE_ACCURACY = 2.0**-8
"""Largest relative error of a quantile of magnitudes of at least 1.2e-38, the smallest normal float32."""


class MagnitudeHistogram:
    """Counts of non-negative numbers in bins of constant relative width, for their quantiles.

    A DDSketch (Masson, Rim and Lee 2019) whose bins come from the bit pattern in place of a logarithm: the exponent and
    seven bits of mantissa of a float32, so 32,768 bins hold every magnitude and none is ever merged. Zeros have a bin
    of their own. Numbers above float32's range count as its largest.
    """

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros(_MAGNITUDE_BINS, dtype=np.int64)

    def add(self, magnitudes: NDArray[np.float64]) -> None:
        """Add ``(num_rows,)`` finite, non-negative numbers."""
        self.counts += np.bincount(_bins(magnitudes), minlength=_MAGNITUDE_BINS)

    def merge(self, other: MagnitudeHistogram) -> None:
        """Add another histogram's counts."""
        self.counts += other.counts

    def quantile(self, share: float) -> float | None:
        """The smallest number with at least ``share`` of the rows at or below it, within ``RELATIVE_ACCURACY``.

        Args:
            share: In (0, 1].

        Returns:
            The middle of the bin that holds it; None without rows.
        """
        total = int(self.counts.sum())
        return None if total == 0 else self.ranked(max(int(np.ceil(share * total)), 1))

    def ranked(self, rank: int) -> float:
        """The middle of the bin of the rank-th smallest number, from 1."""
        place = int(np.searchsorted(np.cumsum(self.counts), rank))
        if place == 0:
            return 0.0
        edges = np.array([place, place + 1], dtype=np.uint32) << np.uint32(_MAGNITUDE_SHIFT)
        low, high = edges.view(np.float32).astype(np.float64)
        return float((low + high) / 2) if np.isfinite(high) else float(low)


class DeltaHistogram:
    """Counts of signed differences: the bins of a ``MagnitudeHistogram`` once for rises and zeros, once for falls.

    >>> found = DeltaHistogram()
    >>> found.add(np.array([-1.0, 0.0, 0.0, 2.0]))
    >>> [round(found.quantile(share), 1) for share in (0.25, 0.5, 1.0)], round(found.magnitudes().quantile(0.75), 1)
    ([-1.0, 0.0, 2.0], 1.0)
    """

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros((2, _MAGNITUDE_BINS), dtype=np.int64)

    def __getstate__(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        # Few of the bins are ever filled: packed in full, they would be most of what a task sends back.
        filled = np.flatnonzero(self.counts)
        return filled, self.counts.ravel()[filled]

    def __setstate__(self, state: tuple[NDArray[np.int64], NDArray[np.int64]]) -> None:
        self.counts = np.zeros((2, _MAGNITUDE_BINS), dtype=np.int64)
        self.counts.ravel()[state[0]] = state[1]

    def add(self, deltas: NDArray[np.float64]) -> None:
        """Add ``(num_rows,)`` finite numbers."""
        self.counts += np.bincount(_bins(deltas), minlength=2 * _MAGNITUDE_BINS).reshape(2, -1)

    def merge(self, other: DeltaHistogram) -> None:
        """Add another histogram's counts; ``other`` stays as it is."""
        self.counts += other.counts

    def magnitudes(self) -> MagnitudeHistogram:
        """The histogram of the sizes alone."""
        found = MagnitudeHistogram()
        found.counts = self.counts.sum(axis=0)
        return found

    def quantile(self, share: float) -> float | None:
        """The smallest difference with at least ``share`` of the rows at or below it, within ``RELATIVE_ACCURACY``.

        Args:
            share: In (0, 1].

        Returns:
            The middle of the bin that holds it; None without rows.
        """
        rises, falls = MagnitudeHistogram(), MagnitudeHistogram()
        rises.counts, falls.counts = self.counts
        below, total = int(falls.counts.sum()), int(self.counts.sum())
        if total == 0:
            return None
        rank = max(int(np.ceil(share * total)), 1)
        return rises.ranked(rank - below) if rank > below else -falls.ranked(below - rank + 1)


def _bins(values: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Bin of each finite number: of its magnitude, and ``_MAGNITUDE_BINS`` more below zero."""
    largest = np.finfo(np.float32).max
    with np.errstate(under="ignore"):
        # Adding 0 makes a negative zero positive.
        bounded = np.clip(values, -largest, largest).astype(np.float32) + np.float32(0.0)
        bins = bounded.view(np.uint32) >> np.uint32(_MAGNITUDE_SHIFT)
    # What underflows float32 is tiny but not zero: it goes to the first bin above it.
    tiny = ((bins & np.uint32(_MAGNITUDE_BINS - 1)) == 0) & (values != 0)
    if tiny.any():
        bins = np.where(tiny, np.where(values < 0, np.uint32(_MAGNITUDE_BINS + 1), np.uint32(1)), bins)
    return bins
