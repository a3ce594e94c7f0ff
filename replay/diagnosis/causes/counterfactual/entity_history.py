"""The value that was the newest some time ago: an entity's history as of an earlier time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Integers = NDArray[np.int64]

ROUND_LAGS_US = tuple(
    seconds * 1_000_000
    for seconds in (
        *(86_400 * days for days in (1, 7, 2, 3, 30, 14, 5, 10, 4, 6)),
        *(3_600 * hours for hours in (1, 12, 6, 3, 2, 4, 8, 24, 36, 48, 5, 9, 10, 18, 7, 11)),
        *(60 * minutes for minutes in (30, 15, 10, 5, 1, 20, 45, 90, 2, 3, 4, 40, 50)),
        *(30, 10, 15, 5, 1, 20, 45, 2, 3),
    )
)
"""Lags that people choose, the roundest first; in microseconds."""


class EntityHistory:
    """Looks up which row of the history was an entity's newest at a time.

    Args:
        entity: ``(num_history,)`` entities.
        time_us: ``(num_history,)`` int64 microseconds.
        asked: ``(num_rows,)`` entities of the rows that will be asked about, of the same type.
        asked_us: ``(num_rows,)`` int64, their times.
    """

    def __init__(self, entity: pa.Array, time_us: Integers, asked: pa.Array, asked_us: Integers) -> None:
        both = pa.concat_arrays([entity.cast(asked.type), asked]).dictionary_encode()
        codes = both.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        known, self._asked = codes[: len(entity)], codes[len(entity) :]
        self._asked_us = asked_us
        self._order = np.lexsort((time_us, known))
        self._codes, self._times = known[self._order], time_us[self._order]
        # One sorted key for (entity, time): times by rank, so that the product cannot overflow.
        self._unique = np.unique(time_us)
        self._keys = self._codes * (len(self._unique) + 1) + np.searchsorted(self._unique, self._times)

    @property
    def longest_us(self) -> int:
        """How long before the last row that is asked about the history begins."""
        return int(self._asked_us.max() - self._unique[0])

    def indices(self, rows: Integers, lag_us: int) -> Integers:
        """Index, in sorted order, of each row's newest value that is at least ``lag_us`` old; -1 for none."""
        ranks = np.searchsorted(self._unique, self._asked_us[rows] - lag_us, side="right")
        keys = self._asked[rows] * (len(self._unique) + 1) + ranks
        indices = np.searchsorted(self._keys, keys, side="left") - 1
        found = (indices >= 0) & (self._asked[rows] >= 0)
        found &= self._codes[np.maximum(indices, 0)] == self._asked[rows]
        return np.where(found, indices, -1)

    def rows_at(self, indices: Integers) -> Integers:
        """Rows of the history table at sorted indices; -1 stays -1."""
        return np.where(indices >= 0, self._order[np.maximum(indices, 0)], -1)

    def lags(self, rows: Integers, indices: Integers) -> tuple[Integers, Integers]:
        """The lags that lead to a row of the history: above the first number, up to the second, both in microseconds.

        Args:
            rows: ``(k,)``.
            indices: ``(k,)``, of the same rows.
        """
        now = self._asked_us[rows]
        following = np.minimum(indices + 1, len(self._codes) - 1)
        newer = (indices + 1 < len(self._codes)) & (self._codes[following] == self._asked[rows])
        first = np.where(newer, now - self._times[following], np.iinfo(np.int64).min // 2)
        none = indices < 0
        oldest = np.searchsorted(self._codes, self._asked[rows], side="left")
        oldest = np.minimum(oldest, len(self._codes) - 1)
        has_any = self._codes[oldest] == self._asked[rows]
        first = np.where(none & has_any, now - self._times[oldest], first)
        first = np.where(none & ~has_any, 0, first)
        last = np.where(none, np.iinfo(np.int64).max // 2, now - self._times[np.maximum(indices, 0)])
        return first, last

    def between(
        self, rows: Integers, shortest_us: int, longest_us: int, most: int, *, power: int = 1, backwards: bool = False
    ) -> tuple[Integers, Integers]:
        """Places that each row reaches with lags from the shortest to the longest, at most so many.

        Args:
            rows: ``(num_rows,)``.
            shortest_us: The shortest lag.
            longest_us: The longest.
            most: Places of a row.
            power: 1 chooses them evenly, more puts them closer together at the shortest lag.
            backwards: Put them closer together at the longest lag instead.

        Returns:
            Rows and indices, ``(k,)`` each; a row comes once for each of its indices.
        """
        newest, oldest = self.indices(rows, shortest_us), self.indices(rows, longest_us)
        first = np.searchsorted(self._codes, self._asked[rows], side="left")
        oldest = np.where(oldest < 0, first, oldest)
        count = np.where(newest < 0, 0, newest - oldest + 1)
        taken = np.minimum(count, most)
        row_of = np.repeat(np.arange(len(rows)), taken)
        step = np.arange(len(row_of)) - np.repeat(np.cumsum(taken) - taken, taken)
        others, steps = np.maximum(count[row_of] - 1, 0), np.maximum(taken[row_of] - 1, 1)
        spread = (
            np.maximum(step, (others * (step / steps) ** power).astype(np.int64))
            if power > 1
            else step * others // steps
        )
        return rows[row_of], oldest[row_of] + spread if backwards else newest[row_of] - spread


def densest_lag(first: Integers, last: Integers) -> tuple[int, int, int]:
    """The stretch of lags that lies in the most intervals ``(first, last]``.

    Returns:
        Above, up to, and how many intervals hold it; zeros for no interval.

    >>> densest_lag(np.array([0, 5, 50]), np.array([10, 9, 60]))
    (5, 9, 2)
    """
    if not len(first):
        return (0, 0, 0)
    edges = np.concatenate([np.maximum(first, 0), last])
    change = np.concatenate([np.ones(len(first), np.int64), -np.ones(len(last), np.int64)])
    # An end comes before a start at the same lag: the intervals are half-open, and do not overlap there.
    order = np.lexsort((change, edges))
    depth = np.cumsum(change[order])
    best = int(np.argmax(depth))
    return int(edges[order][best]), int(edges[order][min(best + 1, len(edges) - 1)]), int(depth[best])


def round_lag(above_us: int, up_to_us: int) -> int:
    """The roundest lag above the first and up to the second number.

    >>> round_lag(10_000_000_000, 11_000_000_000) // 1_000_000
    10800
    """
    for lag in ROUND_LAGS_US:
        if above_us < lag <= up_to_us:
            return lag
    for unit in (86_400_000_000, 3_600_000_000, 600_000_000, 60_000_000, 10_000_000, 1_000_000, 1_000):
        lag = (above_us // unit + 1) * unit
        if lag <= up_to_us:
            return lag
    return up_to_us
