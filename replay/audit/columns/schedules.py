"""The schedule that is in the ages of values: a feature that is computed once a day, found by its saw-tooth.

A value that lands at an hour of the day is young after it and grows an hour an hour until the next one lands. By hour
of the day the ages lie on two diagonals, 24 hours apart, and jump from one to the other where values land.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from replay.audit.columns.ages import HOURS, MOST_HOURS, WITHIN_HOUR, ValueAges

Counts = NDArray[np.int64]

_LEAST_ROWS: Final = 200
_LEAST_DAYS: Final = 3
_LEAST_HOURS: Final = 8
"""Hours of the day that have rows."""
_LEAST_OF_HOUR: Final = 5
"""Rows on either side of the hour at which values land."""
_FITS: Final = 0.8
"""Share of the rows whose age is that of the schedule, within an hour."""
_LANDS: Final = 0.5
"""Share of the days on which new values landed."""


@dataclass(frozen=True)
class Schedule:
    """Values that are computed once a day.

    Attributes:
        hour: Of the day (UTC), at about which new ones land.
        youngest: Age in hours that they have then.
        share: Of the rows, those whose age is that of the schedule, within an hour.
        days: That have rows.
    """

    hour: int
    youngest: int
    share: float
    days: int

    @property
    def oldest(self) -> int:
        """Age in hours that values reach before the next ones land."""
        return self.youngest + 24


def find_schedule(ages: ValueAges, place: int = 0) -> Schedule | None:
    """Find the hour at which a feature's values land; None where the ages show no such hour.

    Args:
        ages: Of its values.
        place: The slice; 0 is all rows.
    """
    by_hour = ages.by_hour(place)
    event_days, value_days = ages.days(place)
    rows, total = _whole_hours(by_hour), int(by_hour.sum())
    seen = rows.sum(axis=1)
    if total < _LEAST_ROWS or event_days.size < _LEAST_DAYS or int((seen > 0).sum()) < _LEAST_HOURS:
        return None
    found = _best_fit(rows)
    if found is None:
        return None
    hour, youngest = found
    fitting = _fitting(rows, hour, youngest, (-1, 0, 1))
    landed = int((value_days >= 0.1 * event_days.sum() / event_days.size).sum())
    edges = [fitting[(hour - 1) % HOURS], fitting[hour]]
    if fitting.sum() < _FITS * total or min(edges) < _LEAST_OF_HOUR or landed < _LANDS * event_days.size:
        return None
    of_hour = fitting[seen > 0] / seen[seen > 0]
    if (of_hour >= 0.5).mean() < _FITS:
        return None
    return Schedule(hour, youngest, float(fitting.sum() / total), event_days.size)


def _whole_hours(by_hour: Counts) -> Counts:
    """Rows by hour of the day and whole hours of age, ``(HOURS, MOST_HOURS)``."""
    first = by_hour[:, 1:WITHIN_HOUR].sum(axis=1, keepdims=True)
    return np.concatenate((first, by_hour[:, WITHIN_HOUR:-1]), axis=1)


def _best_fit(rows: Counts) -> tuple[int, int] | None:
    """Hour and age at which most rows lie on the saw-tooth; None where several hours fit them alike.

    Rows that lie on it count twice, those an hour beside it once.
    """
    padded = np.pad(rows, ((0, 0), (HOURS, HOURS)))
    weights = 2 * padded[:, 1:-1] + padded[:, :-2] + padded[:, 2:]
    hours = np.arange(HOURS)
    diagonals = np.arange(-HOURS + 1, MOST_HOURS)
    places = hours[None, :] + diagonals[:, None] + HOURS - 1
    inside = (places >= 0) & (places < weights.shape[1])
    on = np.where(inside, weights[hours[None, :], np.clip(places, 0, weights.shape[1] - 1)], 0)
    before = np.pad(np.cumsum(on, axis=1), ((0, 0), (1, 0)))  # [diagonal, hour]: rows of earlier hours
    young = np.arange(MOST_HOURS - HOURS)
    late = young[None, :] - hours[:, None] + HOURS - 1  # [hour, youngest]: the diagonal of hours from there on
    fits = before[late, HOURS] - before[late, hours[:, None]] + before[late + HOURS, hours[:, None]]
    best = np.argwhere(fits == fits.max())
    return (int(best[0, 0]), int(best[0, 1])) if len(best) == 1 else None


def _fitting(rows: Counts, hour: int, youngest: int, about: tuple[int, ...]) -> Counts:
    """Rows by hour of the day whose age is that of the schedule, ``(HOURS,)``, or so many hours from it."""
    hours = np.arange(HOURS)
    expected = youngest + (hours - hour) % HOURS
    found = np.zeros(HOURS, dtype=np.int64)
    for more in about:
        ages = expected + more
        inside = (ages >= 0) & (ages < rows.shape[1])
        found[inside] += rows[hours[inside], ages[inside]]
    return found
