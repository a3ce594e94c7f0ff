"""What a row adds to a metric of a histogram, once the histogram is known: a table by score bin and label."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from replay.metrics.histogram import Bits, Histogram, bits_to_float, ordered_bits

Array = NDArray[np.float64]

_MAX_DENSE = 2**21


@dataclass(frozen=True, eq=False)
class InfluenceTable:
    """Influence of a row on one or more metrics, by score bin and label. Picklable, to be sent to the second pass.

    Attributes:
        bins: ``(num_bins,)``, ascending: the bits of the score, with ``shift`` low bits dropped, unsigned.
        shift: Low bits dropped.
        by_label: ``(num_bins, 2, num_metrics)``, of a row of unit weight, by label.
    """

    bins: Bits
    shift: int
    by_label: Array

    @classmethod
    def of(cls, histogram: Histogram, *influences: Array) -> InfluenceTable:
        """Make the table of a histogram's influences, each ``(num_bins, 2)``."""
        bins = histogram.keys >> np.uint64(histogram.shift)
        return cls(bins, histogram.shift, np.stack(influences, axis=-1))

    def __getstate__(self) -> tuple[Bits, int, Array]:
        return (self.bins, self.shift, self.by_label)

    def __setstate__(self, state: tuple[Bits, int, Array]) -> None:
        for name, value in zip(("bins", "shift", "by_label"), state, strict=True):
            object.__setattr__(self, name, value)

    def _places(self, bits: Bits) -> NDArray[np.int64]:
        """Bin of each score by its ``ordered_bits``, ``(num_rows,)``."""
        wanted = bits >> np.uint64(self.shift)
        if wanted.size == 0:
            return np.zeros(0, dtype=np.int64)
        dense = self._dense
        if dense is None:
            found = np.minimum(np.searchsorted(self.bins, wanted), self.bins.size - 1)
            known = self.bins[found] == wanted
        else:
            # What lies outside goes to the last bin, whose number it does not have; below the first, 0 wraps around.
            found = dense[np.minimum(wanted - self.bins[0], np.uint64(dense.size - 1))]
            known = (found >= 0) & (wanted >= self.bins[0]) & (wanted <= self.bins[-1])
        if not known.all():
            raise ValueError(
                f"found score {float(bits_to_float(bits[~known])[0])!r} in the second pass, which the first did not "
                "see: both must read the same rows"
            )
        return found

    @cached_property
    def _dense(self) -> NDArray[np.int64] | None:
        """Bin by offset from the first, -1 where there is none; None where that would be too large a table."""
        if not self.bins.size or self.bins[-1] - self.bins[0] >= _MAX_DENSE:
            return None
        dense = np.full(int(self.bins[-1] - self.bins[0]) + 1, -1, dtype=np.int64)
        dense[(self.bins - self.bins[0]).astype(np.int64)] = np.arange(self.bins.size)
        return dense

    def influence_where(self, mask: NDArray[np.bool_], score: Array, label: Array, weight: Array | None) -> Array:
        """What each row adds, ``(num_rows, num_metrics)``; 0 outside the mask, whatever stands there.

        Raises:
            ValueError: A score that the histogram did not hold: the two passes read different rows.
        """
        return self.influence_of_bits(mask, ordered_bits(score), label, weight)

    def influence_of_bits(self, mask: NDArray[np.bool_], bits: Bits, label: Array, weight: Array | None) -> Array:
        """The same from the scores' ``ordered_bits``; each metric's column is contiguous."""
        whole = bool(mask.all())
        cells = 2 * self._places(bits if whole else bits[mask]) + (label if whole else label[mask]).astype(np.int64)
        values = np.zeros((self.by_label.shape[2], mask.size))
        for place, table in enumerate(self._tables):
            found = table[cells]
            if weight is not None:
                found *= weight if whole else weight[mask]
            if whole:
                values[place] = found
            else:
                values[place, mask] = found
        return values.T

    @cached_property
    def _tables(self) -> list[Array]:
        """For each metric, ``(num_bins * 2,)``: influence by bin and label."""
        return [np.ascontiguousarray(self.by_label[..., place]).ravel() for place in range(self.by_label.shape[2])]
