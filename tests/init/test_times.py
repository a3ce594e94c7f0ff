from __future__ import annotations

import pytest

from replay.init.sample import Facts
from replay.init.times import is_iso, looks_like_time, number_range, time_unit


@pytest.mark.parametrize(("low", "unit"), [(1.7e9, "s"), (1.7e12, "ms"), (1.7e15, "us"), (1.7e18, "ns"), (5.0, None)])
def test_units_by_size(low, unit):
    facts = Facts(9, distinct=5, low=low, high=low * 1.01, whole=True)

    assert time_unit("ts", facts)[0] == unit
    assert looks_like_time(facts) == (unit is not None)


def test_units_by_name_where_no_value_was_seen():
    assert [time_unit(name, Facts(0))[0] for name in ("ts_us", "event_sec", "ts")] == ["us", "s", "ms"]


def test_iso():
    assert is_iso("2025-12-01T00:00:00Z")
    assert is_iso("2025-12-01 00:00")
    assert not is_iso("01.12.2025")


def test_ranges_in_words():
    assert number_range(Facts(1, low=-2.5, high=1000.25)) == "-2.5 to 1000"
    assert number_range(Facts(1, low=0, high=48842, whole=True)) == "0 to 48,842"
    assert number_range(Facts(1)) == "no numbers"


def test_large_ids_are_no_times():
    assert not looks_like_time(Facts(9, distinct=5, low=1.1e9, high=3.9e9, whole=True))
