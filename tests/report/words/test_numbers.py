from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.report.words.numbers import MINUS, MISSING, count, number, percent, seconds, short_count, signed, time_range


@given(st.floats(0, 1))
def test_only_none_is_0_percent_and_only_all_is_100_percent(share):
    assert (percent(share) == "0%") == (share == 0)
    assert (percent(share) == "100%") == (share == 1)


@given(st.floats(1e-6, 0.99999))
def test_percent_is_near_the_share(share):
    assert float(percent(share).rstrip("%")) / 100 == pytest.approx(share, rel=0.06)


@given(st.floats(1e-30, 1e30))
def test_numbers_keep_their_digits(value):
    text = number(value)
    assert float(text.replace(",", "")) == pytest.approx(value, rel=6e-3)
    assert number(-value) == MINUS + text
    assert len(re.sub(r"e.*|[^\d]", "", text).lstrip("0")) <= 10


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.99996, "1"),
        (9_999.6, "10,000"),
        (0.00009999, "1e-4"),
        (1_234_567.0, "1,234,567"),
        (0.1, "0.1"),
        (None, MISSING),
    ],
)
def test_numbers_round_as_a_reader_would(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(59.97, "1 min"), (3_599.7, "1 h"), (0.0, "0 s"), (90_061, "1 d 1 h")])
def test_durations_carry_over(value, text):
    assert seconds(value) == text


def test_counts():
    assert (count(0), count(1_000_000), count(None)) == ("0", "1,000,000", MISSING)
    assert (short_count(0), short_count(999), short_count(1_000), short_count(2.5e9)) == ("0", "999", "1k", "2.5G")


def test_differences_have_a_sign():
    assert (signed(0.0), signed(None), signed(1e-9)) == ("0", MISSING, "+1e-9")


def test_a_time_range_at_midnight_has_both_dates():
    start, end = datetime(2026, 11, 20, 23, 59, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
    assert time_range(start, end, dated=False) == "2026-11-20 23:59 to 2026-11-21 00:00"
    assert time_range(start.replace(hour=22), start, dated=False, joiner="and") == "22:59 and 23:59"
