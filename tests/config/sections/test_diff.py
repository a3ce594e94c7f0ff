from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from replay.config import DiffConfig, Tolerance, parse_duration, render_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("30s", timedelta(seconds=30)),
        ("30 secs", timedelta(seconds=30)),
        ("1min", timedelta(minutes=1)),
        ("5m", timedelta(minutes=5)),
        ("5 mins", timedelta(minutes=5)),
        ("1.5h", timedelta(minutes=90)),
        ("2 hours", timedelta(hours=2)),
        (" 1d ", timedelta(days=1)),
        ("3days", timedelta(days=3)),
        (timedelta(7), timedelta(7)),
    ],
)
def test_reads_durations(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (60, "60"),
        (1.5, "1.5"),
        ("60", "'60'"),
        ("-5s", "'-5s'"),
        ("5 weeks", "'5 weeks'"),
        ("s", "'s'"),
        ({}, "an empty mapping"),
    ],
)
def test_what_is_no_duration(value, shown):
    with pytest.raises(ValueError, match=f"^found {shown}, expected a duration such as 30s, 1min, 3h or 1d$"):
        parse_duration(value)


def test_a_duration_longer_than_any():
    with pytest.raises(ValueError, match="longer than any time there is"):
        parse_duration("9999999999999d")


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=36500)))
def test_durations_come_back(value):
    assert parse_duration(render_duration(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(days=2), "2d"),
        (timedelta(hours=25), "25h"),
        (timedelta(minutes=61), "61min"),
        (timedelta(seconds=61), "61s"),
        (timedelta(microseconds=1500), "1.5ms"),
        (timedelta(milliseconds=200), "200ms"),
        (timedelta(microseconds=10_001), "10.001ms"),
    ],
)
def test_durations_are_written_in_their_largest_unit(value, text):
    assert render_duration(value) == text


def test_buckets_have_a_width():
    with pytest.raises(ValidationError, match="greater than 0"):
        DiffConfig(bucket=timedelta(0))
    assert DiffConfig(bucket="1h").model_dump(mode="json")["bucket"] == "1h"


def test_numbers_may_be_text():
    assert Tolerance(abs="1e-6", rel="0") == Tolerance(abs=1e-6, rel=0.0)


@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf"), True, "x"])
def test_tolerances_are_finite_and_not_negative(value):
    with pytest.raises(ValidationError):
        Tolerance(abs=value)


def test_a_tolerance_is_given_or_measured():
    assert DiffConfig(tolerance="auto").tolerance == "auto"
    assert DiffConfig(tolerance={"abs": 0}).tolerance == Tolerance(abs=0.0)
    assert DiffConfig(tolerance=Tolerance(rel=0.5)).tolerance.rel == 0.5
    assert DiffConfig().tolerance == Tolerance()
    for wrong in ("Auto", "", 1, [1]):
        with pytest.raises(ValidationError):
            DiffConfig(tolerance=wrong)
