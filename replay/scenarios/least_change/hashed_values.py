"""The values that hashes stand for, one for each cell of hashes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.hashing import Keys


class HashedValues:
    """One value for each cell of hashes: that of the least hash in it.

    Args:
        form: The values' type.
    """

    def __init__(self, form: pa.DataType) -> None:
        self._hashes: Keys = np.zeros(0, np.uint64)
        self._values = pa.array([], form)

    def add(self, hashes: Keys, values: pa.Array, shift: int) -> None:
        """Remember values.

        Args:
            hashes: (n,) their hashes.
            values: (n,) none null.
            shift: Low bits that the hashes of a cell do not share; it never shrinks.
        """
        distinct, first = np.unique(hashes, return_index=True)
        fresh = self._fresh(distinct, shift)
        if not fresh.any():
            return
        both = np.concatenate([self._hashes, distinct[fresh]])
        order = np.argsort(both, kind="stable")
        cells = both[order] >> np.uint64(shift)
        kept = order[np.concatenate(([True], cells[1:] != cells[:-1]))]
        self._hashes = both[kept]
        self._values = pa.concat_arrays([self._values, values.take(pa.array(first[fresh]))]).take(pa.array(kept))

    def merge(self, other: HashedValues, shift: int) -> None:
        """Remember another's values as well."""
        self.add(other._hashes, other._values, shift)

    def of(self, cells: Keys, shift: int) -> pa.Array:
        """The values of cells, (n,), each given by any hash of it; they are among those that were added."""
        return self._values.take(pa.array(np.searchsorted(self._hashes >> np.uint64(shift), cells >> np.uint64(shift))))

    def _fresh(self, hashes: Keys, shift: int) -> npt.NDArray[np.bool_]:
        """Whether a cell is new with a hash, or the hash is less than the cell's, (n,)."""
        if not len(self._hashes):
            return np.ones(len(hashes), bool)
        drop = np.uint64(shift)
        places = np.minimum(np.searchsorted(self._hashes >> drop, hashes >> drop), len(self._hashes) - 1)
        known = self._hashes[places]
        fresh: npt.NDArray[np.bool_] = (known >> drop != hashes >> drop) | (hashes < known)
        return fresh
