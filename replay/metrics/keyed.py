"""Keys in order, and sums by key: the sparse, mergeable table under every slice."""

from __future__ import annotations

import sys
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Sums = NDArray[np.float64]

_FEWEST: Final = 1 << 15
"""Of fewer keys, numpy's sort is as fast."""
_SIGN: Final = np.uint64(1 << 63)


def sort_keys(keys: Keys) -> Keys:
    """Sort keys, ascending: a new array, (n,).

    torch sorts integers by their digits, in a third of the time that comparisons take. A process that scores has
    torch; one that has not would wait longer for it than it saves. The answer is the same.

    >>> sort_keys(np.array([7, 2**64 - 1, 3], np.uint64)).tolist()
    [3, 7, 18446744073709551615]
    """
    by_digits = _sorted_by_digits(keys)
    if by_digits is None:
        return np.sort(keys)
    found: Keys = by_digits.values.numpy().view(np.uint64)
    found ^= _SIGN
    return found


def order_keys(keys: Keys) -> NDArray[np.int64]:
    """Places of keys in ascending order, (n,): of equal ones the first comes first.

    >>> order_keys(np.array([7, 2**64 - 1, 7, 3], np.uint64)).tolist()
    [3, 0, 2, 1]
    """
    by_digits = _sorted_by_digits(keys)
    found: NDArray[np.int64] = np.argsort(keys, kind="stable") if by_digits is None else by_digits.indices.numpy()
    return found


def merge_order(keys: Keys) -> NDArray[np.int64]:
    """Places of keys in ascending order, (n,), of keys that are a few ascending runs, one after the other.

    numpy's stable sort of integers (timsort) merges runs that are in order: a third of the time of a sort by digits.

    >>> merge_order(np.array([3, 7, 1, 7], np.uint64)).tolist()
    [2, 0, 1, 3]
    """
    found: NDArray[np.int64] = np.argsort(keys, kind="stable")
    return found


def _sorted_by_digits(keys: Keys) -> Any:
    """What ``torch.sort`` gives of many keys with their first bit changed: in the order of signed numbers; or None."""
    torch: Any = sys.modules.get("torch")
    if torch is None or keys.size < _FEWEST:
        return None
    return torch.sort(torch.from_numpy((keys ^ _SIGN).view(np.int64)), stable=True)


def reduce_by_key(keys: Keys, sums: Sums) -> tuple[Keys, Sums]:
    """Add up the rows that share a key.

    Args:
        keys: ``(n,)``, in any order, with repeats.
        sums: ``(n, ...)``.

    Returns:
        The distinct keys in ascending order, ``(m,)``, and their sums, ``(m, ...)``.
    """
    if keys.size == 0 or _ascending(keys):
        return keys, sums
    if bool((keys[1:] < keys[:-1]).any()):
        order = order_keys(keys)
        keys, sums = keys[order], sums[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return keys[starts], np.add.reduceat(sums, starts, axis=0)


def _ascending(keys: Keys) -> bool:
    """Whether the keys are distinct and in order: then there is nothing to add up."""
    return bool((keys[1:] > keys[:-1]).all())


class KeyedSums:
    """Rows of float64 sums, each under an unsigned 64-bit key.

    Args:
        width: Columns of a row.

    >>> table = KeyedSums(width=1)
    >>> table.add(np.array([7, 3], dtype=np.uint64), np.array([[1.0], [2.0]]))
    >>> table.add(np.array([7], dtype=np.uint64), np.array([[0.5]]))
    >>> table.keys.tolist(), table.sums.tolist()
    ([3, 7], [[2.0], [1.5]])
    """

    def __init__(self, width: int) -> None:
        self.keys: Keys = np.zeros(0, dtype=np.uint64)
        self.sums: Sums = np.zeros((0, width))

    def add(self, keys: Keys, sums: NDArray[Any]) -> None:
        """Add rows: ``keys`` is ``(n,)``, repeats allowed, ``sums`` is ``(n, width)``."""
        found, added = reduce_by_key(keys, sums.astype(np.float64, copy=False))
        place = np.searchsorted(self.keys, found)
        known = place < self.keys.size
        known[known] = self.keys[place[known]] == found[known]
        if known.all():
            # The keys of a table are soon all there: then nothing of it is sorted or copied any more.
            self.sums[place] += added
            return
        self.sums[place[known]] += added[known]
        new = ~known
        self.keys, self.sums = reduce_by_key(
            np.concatenate((self.keys, found[new])), np.concatenate((self.sums, added[new]))
        )

    def merge(self, other: KeyedSums) -> None:
        """Add another table's rows; ``other`` stays as it is."""
        self.add(other.keys, other.sums)

    def rekey(self, keys: Keys) -> None:
        """Put the rows under other keys, in the order of the present ones; rows that meet are added."""
        self.keys, self.sums = reduce_by_key(keys, self.sums)
