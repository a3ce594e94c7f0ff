"""A histogram of magnitudes with a fixed relative accuracy, for quantiles: deterministic and mergeable."""

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
        bounded = np.minimum(magnitudes, np.finfo(np.float32).max).astype(np.float32)
        with np.errstate(under="ignore"):
            bins = bounded.view(np.uint32) >> np.uint32(_MAGNITUDE_SHIFT)
        # What underflows float32 is tiny but not zero: it goes to the first bin above it.
        bins = np.where((bins == 0) & (magnitudes > 0), np.uint32(1), bins)
        self.counts += np.bincount(bins, minlength=_MAGNITUDE_BINS)

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
        if total == 0:
            return None
        rank = max(int(np.ceil(share * total)), 1)
        place = int(np.searchsorted(np.cumsum(self.counts), rank))
        if place == 0:
            return 0.0
        edges = np.array([place, place + 1], dtype=np.uint32) << np.uint32(_MAGNITUDE_SHIFT)
        low, high = edges.view(np.float32).astype(np.float64)
        return float((low + high) / 2) if np.isfinite(high) else float(low)
