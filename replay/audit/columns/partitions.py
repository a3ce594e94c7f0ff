"""Rows by time bucket and by slice: several divisions of the same rows, counted in one go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Counts = NDArray[np.int64]

_MOST_GROUPS = 512
"""Groups that rows are counted by at once: with more, the counts outgrow the cache."""


@dataclass(frozen=True)
class Partition:
    """Rows in groups, each of which lies in one part of every one of some divisions.

    Attributes:
        groups: ``(num_rows,)`` the group of each row.
        num_groups: How many there are.
        divisions: Numbers of the divisions.
        parts: ``(num_divisions, num_groups)`` the part of each division that a group lies in.
    """

    groups: Places
    num_groups: int
    divisions: tuple[int, ...]
    parts: Places
    _last: tuple[int, Places] | None = field(default=None, init=False, repr=False, compare=False)

    def count(self, codes: NDArray[np.integer], num_codes: int) -> Iterator[tuple[int, Places, Counts]]:
        """Count rows by code.

        Args:
            codes: ``(num_rows,)``.
            num_codes: How many there are.

        Yields:
            Of each division its number, its parts, ascending, and rows by part and code, ``(num_parts, num_codes)``.
        """
        if self.num_groups == 1:
            counted = np.bincount(codes, minlength=num_codes)[None]
        else:
            flat = np.bincount(self._offsets(num_codes) + codes, minlength=self.num_groups * num_codes)
            counted = flat.reshape(self.num_groups, num_codes)
        for division, (parts, members) in zip(self.divisions, self._members, strict=True):
            # Sums of counts: floats are exact.
            yield (
                division,
                parts,
                counted if members is None else (members @ counted.astype(np.float64)).astype(np.int64),
            )

    def of(self, rows: NDArray[np.bool_]) -> Partition:
        """The partition of some of the rows."""
        return self if rows.all() else replace(self, groups=self.groups[rows])

    @cached_property
    def _members(self) -> list[tuple[Places, NDArray[np.float64] | None]]:
        """Of each division its parts, and which groups lie in each, ``(num_parts, num_groups)``; None: one each."""
        found = []
        for parts in self.parts:
            distinct = np.unique(parts)
            alone = distinct.size == parts.size and bool((distinct == parts).all())
            found.append((distinct, None if alone else (parts == distinct[:, None]).astype(np.float64)))
        return found

    def _offsets(self, num_codes: int) -> Places:
        """Where the codes of each row's group begin, ``(num_rows,)``."""
        if self._last is None or self._last[0] != num_codes:
            object.__setattr__(self, "_last", (num_codes, self.groups * num_codes))
        assert self._last is not None
        return self._last[1]


def make_partitions(divisions: Sequence[Places]) -> list[Partition]:
    """Put divisions together, as long as few groups come of it.

    Args:
        divisions: ``(num_rows,)`` each: the part that a row lies in.

    >>> [(one.divisions, one.num_groups) for one in make_partitions([np.array([0, 0, 1]), np.array([5, 5, 5])])]
    [((0, 1), 2)]
    """
    made: list[Partition] = []
    for number, division in enumerate(divisions):
        found, groups = np.unique(division, return_inverse=True)
        one = Partition(groups.astype(np.int64), found.size, (number,), found[None].astype(np.int64))
        if made and made[-1].num_groups * one.num_groups <= _MOST_GROUPS:
            one = _together(made.pop(), one)
        made.append(one)
    return made


def _together(one: Partition, other: Partition) -> Partition:
    found, groups = np.unique(one.groups * other.num_groups + other.groups, return_inverse=True)
    left, right = np.divmod(found, max(other.num_groups, 1))
    parts = np.concatenate((one.parts[:, left], other.parts[:, right]))
    return Partition(groups.astype(np.int64), found.size, (*one.divisions, *other.divisions), parts)
