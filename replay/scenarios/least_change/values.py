"""Ids, text and whatever has no order: the maximal coupling, in which a null is a value like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.features.codecs.buffers import null_mask
from replay.hashing import Keys
from replay.metrics.histogram import Histogram
from replay.metrics.keyed import reduce_by_key
from replay.scenarios.hashing import hash_column
from replay.scenarios.least_change.base import MOST_CELLS, ColumnSummary, LeastChange, random_share
from replay.scenarios.least_change.coupling import MaximalCoupling, Symbols
from replay.scenarios.least_change.hashed_values import HashedValues


class ValueSummary(ColumnSummary):
    """Of values that are only equal or not; of very many, cells of hashes are counted, with one value for each."""

    def __init__(self, form: pa.DataType, most: int = MOST_CELLS) -> None:
        super().__init__(form, most)
        self._hashes = Histogram(1, max_bins=most)
        self._values = HashedValues(form)

    def _count(self, values: pa.Array) -> None:
        if len(values):
            hashes = hash_column(values)
            self._hashes.add_bits(hashes, np.zeros(len(hashes), np.int64))
            self._values.add(hashes, values, self._hashes.shift)

    def _add(self, other: Self) -> None:
        self._hashes.merge(other._hashes)
        self._values.merge(other._values, self._hashes.shift)

    def _change(self, reference: Self) -> LeastChange:
        shift = max(self._hashes.shift, reference._hashes.shift)
        (mine, here), (its, there) = (_cells(summary._hashes, shift) for summary in (self, reference))
        cells = np.union1d(mine, its)
        counts = np.zeros((2, len(cells) + 1))
        counts[0, np.searchsorted(cells, mine)] = here
        counts[1, np.searchsorted(cells, its)] = there
        counts[:, -1] = self.nulls, reference.nulls
        coupling = MaximalCoupling.between(*counts)
        given = coupling.targets[coupling.targets < len(cells)]
        return ValueChange(cells, shift, coupling, reference._values.of(cells[given], shift))


def _cells(hashes: Histogram, shift: int) -> tuple[Keys, npt.NDArray[np.float64]]:
    """Cells without so many low bits, ascending, and the rows of each, (n,) both."""
    keys, counts = reduce_by_key(hashes.keys >> np.uint64(shift) << np.uint64(shift), hashes.sums)
    return keys, counts[:, 0]


@dataclass(frozen=True)
class ValueChange(LeastChange):
    """Rows of values that are rarer in the reference get those that are more frequent there.

    Attributes:
        cells: (n,) hashes of the values of either table, ascending, without their low bits.
        shift: How many.
        coupling: Between the cells, in their order, and null, the last symbol.
        given: (m,) the values of the coupling's targets but for null.
    """

    cells: Keys
    shift: int
    coupling: MaximalCoupling
    given: pa.Array

    @property
    def moved(self) -> float:
        """See :attr:`LeastChange.moved`: the total-variation distance."""
        return self.coupling.moved

    def apply(self, values: pa.Array, randoms: Keys) -> pa.Array:
        """See :meth:`LeastChange.apply`; a value that neither table has stays."""
        if self.moved == 0.0:
            return values
        symbols, known = self._symbols(values)
        chosen = symbols.copy()
        leave, where = (random_share(randoms[known], tag) for tag in ("leave", "where"))
        chosen[known] = self.coupling.choose(symbols[known], leave, where)
        moving = np.flatnonzero(chosen != symbols)
        if not len(moving):
            return values
        places = np.arange(len(values))
        places[moving] = len(values) + np.searchsorted(self.coupling.targets, chosen[moving])
        gone = chosen == len(self.cells)
        places = pa.array(np.where(gone, 0, places), mask=gone)
        return pa.concat_arrays([values, self.given]).take(places)

    def _symbols(self, values: pa.Array) -> tuple[Symbols, npt.NDArray[np.bool_]]:
        """The symbol of each value, and whether it has one, (k,) both."""
        drop = np.uint64(self.shift)
        cells = hash_column(values) >> drop << drop
        symbols = np.searchsorted(self.cells, cells)
        inside = np.minimum(symbols, len(self.cells) - 1)
        known = self.cells[inside] == cells if len(self.cells) else np.zeros(len(values), bool)
        null = null_mask(values)
        if null is not None:
            symbols = np.where(null, len(self.cells), symbols)
            known = known | null
        return symbols.astype(np.int64), known
