"""Lists: who has one, and how long it is; what is in it is not matched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.features.codecs.buffers import null_mask
from replay.features.lists import take_apart
from replay.hashing import Keys
from replay.scenarios.least_change.base import MOST_CELLS, ColumnSummary, LeastChange, random_share
from replay.scenarios.least_change.numbers import NumberChange, NumberSummary
from replay.scenarios.least_change.pool import ListPool, continued

_LENGTH = pa.int64()


class ListSummary(ColumnSummary):
    """Of lists: their lengths, and some of them."""

    def __init__(self, form: pa.DataType, most: int = MOST_CELLS) -> None:
        super().__init__(form, most)
        self._lengths = NumberSummary(_LENGTH, most)
        self._pool = ListPool(form)

    def update(self, values: pa.Array) -> None:
        """See :meth:`ColumnSummary.update`."""
        super().update(values)
        self._lengths.update(_lengths(values))

    def _count(self, values: pa.Array) -> None:
        self._pool.add(values)

    def _add(self, other: Self) -> None:
        self._lengths.merge(other._lengths)
        self._pool.merge(other._pool)

    def _change(self, reference: Self) -> LeastChange:
        lengths = self._lengths.change_to(reference._lengths)
        assert isinstance(lengths, NumberChange)
        elements, begins = reference._pool.flat()
        return ListChange(lengths, elements, begins)


@dataclass(frozen=True)
class ListChange(LeastChange):
    """Lists are cut at their end, or continued with elements of lists of the reference; new ones are all of those.

    Attributes:
        lengths: What becomes of lengths; null where there is no list.
        elements: Of lists of the reference, list by list.
        begins: Where each begins in them.
    """

    lengths: NumberChange
    elements: pa.Array
    begins: npt.NDArray[np.int64]

    @property
    def moved(self) -> float:
        """See :attr:`LeastChange.moved`."""
        return self.lengths.moved

    def apply(self, values: pa.Array, randoms: Keys) -> pa.Array:
        """See :meth:`LeastChange.apply`."""
        before = _lengths(values)
        after = self.lengths.apply(before, randoms)
        if after.equals(before):
            return values
        null = null_mask(after)
        wanted = pc.fill_null(after, 0).to_numpy()
        filled = values.fill_null(pa.scalar([], values.type))
        starts = (random_share(randoms, "list") * len(self.begins)).astype(np.int64)
        changed = continued(filled, wanted, (self.elements, self.begins), starts)
        return changed if null is None else pc.if_else(pa.array(null), pa.scalar(None, values.type), changed)


def _lengths(values: pa.Array) -> pa.Array:
    """Lengths of lists, (n,) int64, null where the list is."""
    apart = take_apart(values)
    return pa.array(apart.lengths, _LENGTH, mask=apart.null)
