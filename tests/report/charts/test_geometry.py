from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.report.charts.geometry import AxisScale, area_path, line_path, mark_path, nice_ceiling, padded, time_ticks

START = datetime(2026, 11, 20, 17, 3, tzinfo=UTC)


@given(st.floats(1e-12, 1e12))
def test_a_nice_ceiling_is_near_above(value):
    assert value * (1 - 1e-6) <= nice_ceiling(value) <= value * 2.5001


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_a_padded_axis_holds_its_values(values):
    scale = padded(values)
    assert scale.low < min(values) <= max(values) < scale.high
    assert all(0 <= scale.share(value) <= 1 for value in values)


def test_a_scale_cuts_what_is_beyond_it():
    assert [AxisScale(1, 3).share(value) for value in (0, 1, 2.5, 9)] == [0, 0, 0.75, 1]
    assert AxisScale(2, 2).share(2) == 0.5


@pytest.mark.parametrize("minutes", [1, 7, 60, 180, 1_440, 10_000, 525_600])
def test_ticks_are_few_and_inside(minutes):
    ticks = time_ticks(START, START + timedelta(minutes=minutes))
    assert 1 <= len(ticks) <= 8
    assert all(0 <= tick.at <= 1 for tick in ticks)
    assert [tick.at for tick in ticks] == sorted(tick.at for tick in ticks)


def test_midnight_carries_its_date():
    ticks = time_ticks(START, START + timedelta(hours=12))
    assert [(tick.label, tick.strong) for tick in ticks if "Nov" in tick.label] == [
        ("20 Nov 18:00", False),
        ("21 Nov 00:00", True),
    ]


def corners(path):
    """Vertices of a path of M, H, V and Z, followed by hand."""
    x = y = 0.0
    found = []
    for command, first, second in re.findall(r"([MHVZ])(-?[\d.]*) ?(-?[\d.]*)", path):
        if command == "M":
            x, y = float(first), float(second)
        elif command == "H":
            x = float(first)
        elif command == "V":
            y = float(first)
        else:
            continue
        found.append((x, y))
    return found


def test_an_area_is_steps_down_to_the_axis():
    assert corners(area_path([0.2, 1.0])) == [(0, 100), (0, 80), (500, 80), (500, 0), (1000, 0), (1000, 100)]


def test_equal_neighbours_are_one_step():
    assert corners(area_path([0.5, 0.5, 0.5, 0.5])) == [(0, 100), (0, 50), (1000, 50), (1000, 100)]


def test_a_gap_breaks_a_line():
    assert corners(line_path([0.0, None, 1.0, 1.0])) == [(0, 100), (250, 100), (500, 0), (1000, 0)]


def test_marks_are_blocks():
    assert corners(mark_path([True, False])) == [(0, 0), (500, 0), (500, 100), (0, 100)]
    assert mark_path([False]) == mark_path([]) == area_path([None]) == line_path([]) == ""
