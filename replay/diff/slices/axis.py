"""The two axes of slices: segment values and time buckets. Codes are given as values are met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]

OTHER = 0
NULL = 1
_FIRST = 2


class ValueAxis:
    """Values of one segment, each with a code; 0 is every value beyond ``limit``, 1 is null.

    The ``limit`` values that come first in sort order are kept. Which these are depends on the data alone: a value that
    once had to go has ``limit`` smaller ones before it, for good.

    Args:
        limit: Values that get a code of their own.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.values: list[str] = []
        self.overflowed = False
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.values) + _FIRST

    def admit(self, values: Sequence[str]) -> Codes | None:
        """Make room for values.

        Returns:
            New code by old, ``(len before,)``, where values had to go; None where the codes still hold.
        """
        for value in values:
            if value not in self._codes:
                self._codes[value] = len(self.values) + _FIRST
                self.values.append(value)
        if len(self.values) <= self.limit:
            return None
        self.overflowed = True
        before = self._codes
        self.values = sorted(self.values)[: self.limit]
        self._codes = {value: place + _FIRST for place, value in enumerate(self.values)}
        remap = np.zeros(len(before) + _FIRST, dtype=np.int64)
        remap[NULL] = NULL
        for value, code in before.items():
            remap[code] = self._codes.get(value, OTHER)
        return remap

    def codes(self, values: Sequence[str | None]) -> Codes:
        """Codes of values, None being null; a value that was never admitted, or had to go, is ``OTHER``."""
        known = self._codes
        return np.array([NULL if value is None else known.get(value, OTHER) for value in values], dtype=np.int64)

    def label(self, code: int) -> str:
        """What a code is called in a slice's name. A real value that looks like one of ours is quoted."""
        if code == OTHER:
            return "(other)"
        if code == NULL:
            return "(null)"
        value = self.values[code - _FIRST]
        return repr(value) if value in ("(other)", "(null)") else value


class TimeAxis:
    """Time buckets, each with a code; 0 is a row without a time.

    Only buckets that have rows exist. When they outgrow ``limit``, the width doubles until they fit, so that the width
    depends on the data alone.

    Args:
        width_us: Width of a bucket in microseconds, aligned to 1970-01-01T00:00:00Z.
        limit: Buckets kept.
    """

    def __init__(self, width_us: int, limit: int) -> None:
        self.base_us = width_us
        self.limit = limit
        self.doublings = 0
        self.indices: list[int] = []
        self._codes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.indices) + 1

    @property
    def width_us(self) -> int:
        """Width of a bucket in microseconds."""
        return self.base_us << self.doublings

    def index_of(self, time_us: NDArray[Any]) -> Codes:
        """Bucket index (from 1970, negative before) of times in microseconds."""
        return time_us.astype(np.int64) // self.width_us

    def starts_us(self) -> list[int]:
        """Start of every bucket in microseconds, by code from 1."""
        return [index * self.width_us for index in self.indices]

    def admit(self, indices: Sequence[int]) -> Codes | None:
        """Make room for bucket indices of the present width; see ``ValueAxis.admit``.

        Where codes changed, the width may have too: ask ``index_of`` again.
        """
        for index in indices:
            if index not in self._codes:
                self._codes[index] = len(self.indices) + 1
                self.indices.append(index)
        return self._widen(self.doublings) if len(self.indices) > self.limit else None

    def widen_to(self, doublings: int) -> Codes | None:
        """Widen to at least so many doublings; see ``ValueAxis.admit``."""
        return self._widen(doublings) if doublings > self.doublings else None

    def _widen(self, doublings: int) -> Codes:
        before = self.indices
        while (
            doublings == self.doublings or len({index >> (doublings - self.doublings) for index in before}) > self.limit
        ):
            doublings += 1
        steps = doublings - self.doublings
        self.doublings = doublings
        self.indices = sorted({index >> steps for index in before})
        self._codes = {index: place + 1 for place, index in enumerate(self.indices)}
        return np.array([0, *(self._codes[index >> steps] for index in before)], dtype=np.int64)

    def codes(self, indices: NDArray[Any]) -> Codes:
        """Codes of admitted bucket indices."""
        return np.array([self._codes[int(index)] for index in indices], dtype=np.int64)
