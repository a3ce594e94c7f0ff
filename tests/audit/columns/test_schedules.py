"""Planted schedules are found, and what is none is passed over in silence."""

from __future__ import annotations

import numpy as np
import pytest

from replay.audit.columns.ages import ValueAges
from replay.audit.columns.partitions import make_partitions
from replay.audit.columns.schedules import Schedule, find_schedule
from tests.audit.columns.planted_ages import HOUR, START, events, landed


def _ages(moments, values, slices=None) -> ValueAges:
    divisions = [np.zeros(moments.size, dtype=np.int64)] + ([] if slices is None else [slices])
    state = ValueAges()
    state.update(moments, values, np.ones(moments.size, dtype=np.bool_), make_partitions(divisions))
    return state


@pytest.mark.parametrize("hour", [0, 3, 11, 23])
@pytest.mark.parametrize(
    ("days", "options", "youngest"),
    [
        (3, {}, 0),
        (7, {"cut": 12}, 12),
        (7, {"jitter": 0.3}, 0),
        (7, {"missing": (3,)}, 0),
        (14, {"missing": (2, 9), "jitter": 0.25, "cut": 5}, 5),
    ],
)
def test_planted_schedules_are_found(hour, days, options, youngest):
    moments = events(days=days)

    found = find_schedule(_ages(moments, landed(moments, hour, **options)))

    assert found is not None
    assert (found.hour, found.youngest, found.oldest, found.days) == (hour, youngest, youngest + 24, days)
    assert found.share > 0.8


def test_an_hour_and_a_half_is_told_as_about_one_of_the_two():
    moments = events()

    assert find_schedule(_ages(moments, landed(moments, 3.5))).hour in (3, 4)


def test_few_rows_of_many_days_will_do():
    moments = events(rows=400, days=10)

    assert find_schedule(_ages(moments, landed(moments, 4))).hour == 4


def test_a_schedule_of_one_slice_alone():
    moments = events()
    slices = np.arange(moments.size) % 2 + 1
    ages = _ages(moments, np.where(slices == 1, landed(moments, 3), moments - 1_000_000), slices)

    assert [None if each is None else each.hour for each in (find_schedule(ages, place) for place in range(3))] == [
        None,
        3,
        None,
    ]


NO_SCHEDULE = {
    "streamed": lambda at, rng: at - (rng.exponential(60, at.size) * 1e6).astype(np.int64),
    "any time of the last day": lambda at, rng: at - (rng.random(at.size) * 24 * HOUR).astype(np.int64),
    "any time of late": lambda at, rng: at - (rng.exponential(6, at.size) * HOUR).astype(np.int64),
    "every hour": lambda at, rng: at // HOUR * HOUR,
    "every six hours": lambda at, rng: at // (6 * HOUR) * 6 * HOUR,
    "once, and never again": lambda at, rng: np.full(at.size, START - 5 * HOUR),
    "once a week": lambda at, rng: np.full(at.size, START),
    "always a day old": lambda at, rng: at - 24 * HOUR,
    "later than the event": lambda at, rng: at + HOUR,
    "very old": lambda at, rng: at - 1000 * HOUR,
    "of another hour each day": lambda at, rng: START + ((at - START) // (24 * HOUR) * 31 - 24) * HOUR,
    "half of the rows": lambda at, rng: np.where(rng.random(at.size) < 0.5, landed(at, 3), at),
}


@pytest.mark.parametrize("values", NO_SCHEDULE.values(), ids=NO_SCHEDULE)
@pytest.mark.parametrize("seed", range(5))
def test_what_has_no_schedule_is_passed_over(values, seed):
    moments = events(seed=seed)

    assert find_schedule(_ages(moments, values(moments, np.random.default_rng(seed)))) is None


def test_two_days_are_too_few_and_so_are_hours_without_the_landing():
    moments = events(days=2)
    assert find_schedule(_ages(moments, landed(moments, 3))) is None

    moments = events()
    evening = moments[(moments - START) // HOUR % 24 >= 14]
    assert find_schedule(_ages(evening, landed(evening, 3))) is None


def test_a_busy_day_makes_no_schedule_of_a_value_that_was_computed_once():
    moments = events()
    busy = np.concatenate((moments, np.repeat(moments[moments < START + 24 * HOUR], 40)))

    assert find_schedule(_ages(busy, np.full(busy.size, START - HOUR))) is None


def test_no_rows():
    assert find_schedule(ValueAges()) is None
    assert Schedule(3, 2, 0.9, 7).oldest == 26
