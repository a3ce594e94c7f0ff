"""How old values are when they are used: event time less value time, by slice and by hour of the day (UTC)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from replay.audit.columns.binned import BinCounts, bins_of
from replay.audit.columns.partitions import Partition
from replay.metrics.keyed import KeyedSums

Places = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

HOURS: Final = 24
MOST_HOURS: Final = 96
"""Older values are together."""
_MINUTES: Final = (0, 1, 5, 15, 30, *range(60, MOST_HOURS * 60 + 1, 60))
"""Where the cells of ages begin; before the first of them the value is later than its event."""
NUM_AGES: Final = len(_MINUTES) + 1
WITHIN_HOUR: Final = 6
"""Cells of ages below an hour, those below zero among them; from there on a cell is an hour."""
_SIZE: Final = HOURS * NUM_AGES
_BY_MINUTE: Final = np.searchsorted(_MINUTES, np.arange(-1, MOST_HOURS * 60 + 1), side="right")
_MICROS_OF_MINUTE: Final = 60_000_000
_HOUR: Final = 60 * _MICROS_OF_MINUTE
_DAY: Final = 24 * _HOUR
_DAYS_BEFORE: Final = MOST_HOURS // 24 + 1
_DAYS_BEFORE_1970: Final = 1 << 31
_DAY_BITS: Final = 32
_MOST_SPAN: Final = 1 << 17


class ValueAges:
    """Ages of the values of one column. Mergeable; counts alone, so that any order is alike.

    Attributes:
        seconds: Of all rows.
    """

    def __init__(self) -> None:
        self.seconds = BinCounts()
        self._by_hour = KeyedSums(1)
        self._event_days = KeyedSums(1)
        self._value_days = KeyedSums(1)

    def update(self, events: Places, values: Places, known: Mask, partitions: Sequence[Partition]) -> None:
        """Add rows.

        Args:
            events: ``(num_rows,)`` microseconds since 1970.
            values: The same, of when the value was computed.
            known: Where both are known.
            partitions: Of the rows; their first division is no slice, the others are, -1 where a row has none.
        """
        if not known.any():
            return
        events, ages = events[known], (events - values)[known]
        self.seconds.add(bins_of(ages / 1e6))
        minutes = np.clip(ages // _MICROS_OF_MINUTE, -1, MOST_HOURS * 60)
        event_days = events // _DAY
        codes = (events - event_days * _DAY) // _HOUR * NUM_AGES + _BY_MINUTE[minutes + 1]
        groups = [each.of(known) for each in partitions]
        _add(self._by_hour, codes, groups, _SIZE)
        _add(self._event_days, event_days + _DAYS_BEFORE_1970, groups, 1 << _DAY_BITS)
        value_days = (events - ages) // _DAY
        near = (value_days <= event_days) & (value_days >= event_days - _DAYS_BEFORE)
        groups = [each.of(near) for each in groups]
        _add(self._value_days, value_days[near] + _DAYS_BEFORE_1970, groups, 1 << _DAY_BITS)

    def merge(self, other: ValueAges, numbers: Places) -> None:
        """Add another's rows; ``numbers`` are those here of its slices, -1 where one is dropped."""
        self.seconds.merge(other.seconds)
        for mine, its, size in (
            (self._by_hour, other._by_hour, _SIZE),
            (self._event_days, other._event_days, 1 << _DAY_BITS),
            (self._value_days, other._value_days, 1 << _DAY_BITS),
        ):
            slices, rest = np.divmod(its.keys, np.uint64(size))
            found = numbers[slices.astype(np.int64)]
            kept = found >= 0
            mine.add(found[kept].astype(np.uint64) * np.uint64(size) + rest[kept], its.sums[kept])

    def by_hour(self, place: int) -> NDArray[np.int64]:
        """Rows of a slice by hour of the day and cell of age, ``(HOURS, NUM_AGES)``."""
        keys, rows = _of_slice(self._by_hour, place, _SIZE)
        table = np.zeros(_SIZE, dtype=np.int64)
        table[keys] = rows
        return table.reshape(HOURS, NUM_AGES)

    def days(self, place: int) -> tuple[Places, Places]:
        """Rows of a slice by day of the event, and by day of the value where that is but days before."""
        events, values = (_of_slice(each, place, 1 << _DAY_BITS)[1] for each in (self._event_days, self._value_days))
        return events, values


def _add(counted: KeyedSums, codes: Places, partitions: Sequence[Partition], size: int) -> None:
    """Count rows by slice and code, of each division that is one of slices: keys are ``slice * size + code``."""
    distinct, places = _distinct(codes)
    low = distinct.astype(np.uint64)
    counted.add(low, np.bincount(places, minlength=distinct.size)[:, None])
    for partition in partitions:
        for division, parts, counts in partition.count(places, distinct.size):
            if division == 0:
                continue
            held = (counts > 0) & (parts >= 0)[:, None]
            keys = np.maximum(parts, 0).astype(np.uint64)[:, None] * np.uint64(size) + low
            counted.add(keys[held], counts[held][:, None])


def _distinct(codes: Places) -> tuple[Places, Places]:
    """The different codes, and the place of each row's among them."""
    low = int(codes.min(initial=0))
    span = int(codes.max(initial=low)) - low + 1
    if span > _MOST_SPAN:
        return np.unique(codes, return_inverse=True)
    codes = codes - low
    distinct = np.flatnonzero(np.bincount(codes, minlength=1))
    by_code = np.zeros(span, dtype=np.int64)
    by_code[distinct] = np.arange(distinct.size)
    return distinct + low, by_code[codes]


def _of_slice(counted: KeyedSums, place: int, size: int) -> tuple[Places, Places]:
    low, high = np.searchsorted(counted.keys, np.array([place, place + 1], dtype=np.uint64) * np.uint64(size))
    keys = counted.keys[low:high] - np.uint64(place * size)
    return keys.astype(np.int64), counted.sums[low:high, 0].astype(np.int64)


def age_quantile(rows: NDArray[np.int64], share: float) -> float | None:
    """A quantile of ages in hours, straight within a cell; None without rows, or where it lies in an open cell.

    Args:
        rows: ``(NUM_AGES,)``.
        share: In (0, 1).
    """
    total = int(rows.sum())
    if total == 0:
        return None
    upto = np.cumsum(rows)
    place = int(np.searchsorted(upto, share * total))
    if place in (0, NUM_AGES - 1):
        return None
    before = upto[place] - rows[place]
    low, high = _MINUTES[place - 1], _MINUTES[place]
    return float(low + (high - low) * (share * total - before) / rows[place]) / 60
