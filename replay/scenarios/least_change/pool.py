"""Elements of the reference's lists, for lists that get longer."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.features.lists import take_apart
from replay.hashing import Keys, mix
from replay.scenarios.forms import make_lists
from replay.scenarios.hashing import element_keys, hash_column

MOST_ELEMENTS: Final = 65_536
"""Elements that are kept, but for those of a single list."""

_Places = npt.NDArray[np.int64]


class ListPool:
    """The different lists of least hash, a sample of them that depends on the lists alone.

    Args:
        form: The lists' type, a ``large_list``.
    """

    def __init__(self, form: pa.DataType) -> None:
        self._hashes: Keys = np.zeros(0, np.uint64)
        self._lists = pa.array([], form)

    def add(self, lists: pa.Array) -> None:
        """Remember lists: (n,) none null; empty ones are left out."""
        apart = take_apart(lists)
        filled = np.flatnonzero(apart.lengths > 0)
        lists = lists.take(pa.array(filled))
        self._keep(_hashed(lists), lists)

    def merge(self, other: ListPool) -> None:
        """Remember another's lists as well."""
        self._keep(other._hashes, other._lists)

    def flat(self) -> tuple[pa.Array, _Places]:
        """All elements, list by list, (num_elements,), and where each list begins, (num_lists,)."""
        apart = take_apart(self._lists)
        return apart.elements(), np.cumsum(apart.lengths) - apart.lengths

    def _keep(self, hashes: Keys, lists: pa.Array) -> None:
        both, values = np.concatenate([self._hashes, hashes]), pa.concat_arrays([self._lists, lists])
        distinct, first = np.unique(both, return_index=True)
        held = np.cumsum(take_apart(values).lengths[first])
        most = max(int(np.searchsorted(held, MOST_ELEMENTS, side="right")), 1)
        self._hashes = distinct[:most]
        self._lists = values.take(pa.array(first[:most]))


def _hashed(lists: pa.Array) -> Keys:
    """A hash of each list's elements in their order, (n,); of lists that have some."""
    apart = take_apart(lists)
    if not len(apart.lengths):
        return np.zeros(0, np.uint64)
    _, places = apart.places()
    starts = np.cumsum(apart.lengths) - apart.lengths
    return mix(np.add.reduceat(element_keys(hash_column(apart.elements()), places), starts))


def continued(lists: pa.Array, lengths: _Places, pool: tuple[pa.Array, _Places], starts: _Places) -> pa.Array:
    """Lists of other lengths: cut at their end, or continued with elements of a pool.

    Args:
        lists: (k,) none null.
        lengths: (k,) elements that each is to have.
        pool: From :meth:`ListPool.flat`.
        starts: (k,) the list of the pool that a list is continued with; behind it come the pool's next lists.
    """
    apart = take_apart(lists)
    elements, begins = pool
    rows = np.repeat(np.arange(len(lengths)), lengths)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    own = places < apart.lengths[rows]
    taken = np.empty(len(rows), np.int64)
    taken[own] = apart.starts[rows[own]] + places[own]
    if not own.all():
        behind = places[~own] - apart.lengths[rows[~own]]
        taken[~own] = len(apart.values) + (begins[starts[rows[~own]]] + behind) % len(elements)
    return make_lists(pa.concat_arrays([apart.values, elements]).take(pa.array(taken)), lengths, None)
