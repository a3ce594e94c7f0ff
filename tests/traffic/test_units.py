"""Times that lie in no log under the unit that was given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from replay.config import TimeColumn
from replay.traffic.units import other_unit

FIRST, LAST = datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2026, 11, 20, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def taken_as(unit: str, meant: str, moment: datetime) -> datetime:
    """What a moment becomes that was logged in one unit and is read in another."""
    ticks = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
    return EPOCH + timedelta(seconds=(moment - EPOCH).total_seconds() * ticks[meant] / ticks[unit])


@pytest.mark.parametrize(("given", "meant"), [("ms", "s"), ("us", "s"), ("us", "ms"), ("ns", "us"), ("ns", "s")])
def test_another_unit_that_gives_the_times_of_a_log_is_named(given: str, meant: str):
    first, last = taken_as(given, meant, FIRST), taken_as(given, meant, LAST)

    said = other_unit(TimeColumn(column="ts", unit=given), first, last)

    assert said is not None
    assert said.startswith(f"with `unit: {given}` the times of `ts` run from 1970-01-")
    assert f"with `unit: {meant}` they would run from 2026-11-20T" in said


@pytest.mark.parametrize(
    ("unit", "first", "last"),
    [
        ("s", FIRST, LAST),
        (None, EPOCH, EPOCH + timedelta(hours=1)),  # a timestamp has no unit to correct
        ("s", EPOCH, EPOCH + timedelta(hours=1)),  # a made clock that begins at 0: no unit makes it a log's
        ("s", None, None),
    ],
)
def test_times_of_a_log_and_times_of_no_log_are_left_alone(unit, first, last):
    assert other_unit(TimeColumn(column="ts", unit=unit), first, last) is None
