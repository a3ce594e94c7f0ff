"""Incidents as bands over the pictures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from replay.report.buckets import bucket_series, make_grid
from replay.report.charts.marked_ranges import mark_runs
from replay.report.charts.timeline import draw_timeline
from replay.report.verdict import judge
from tests.report import sample
from tests.report.everything import everything_data

START = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def _grid():
    rows = tuple(sample.bucket_rows("prod", [10] * 100, [0] * 100))
    grid = make_grid(bucket_series(rows), 60.0, 360)
    assert grid is not None
    return grid


def _at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_bands_lie_where_the_time_is() -> None:
    (run,) = mark_runs(_grid(), [(_at(25), _at(50))], numbered=True)
    assert (run.left, run.width) == pytest.approx((0.25, 0.25))
    assert (run.mark, run.label) == ("1", "17:25 to 17:50")


def test_what_reaches_over_the_edge_is_cut() -> None:
    (run,) = mark_runs(_grid(), [(_at(-30), _at(1_000))], numbered=False)
    assert (run.left, run.width, run.mark) == (0.0, 1.0, "")


def test_numbers_do_not_cover_each_other() -> None:
    ranges = [(_at(50), _at(60)), (_at(51), _at(53)), (_at(90), _at(95)), (_at(50), _at(51))]
    assert [run.level for run in mark_runs(_grid(), ranges, numbered=True)] == [0, 1, 0, 2]


def test_the_timeline_has_the_incidents_by_number() -> None:
    data = everything_data()
    timeline = draw_timeline(data, judge(data))
    assert timeline is not None
    assert timeline.numbered
    assert [run.mark for run in timeline.runs] == ["1", "2"]
    assert timeline.runs[0].left == pytest.approx((62 * 60 + 2.137) / (180 * 60))
    assert timeline.runs[1].width == pytest.approx(59 / 180)


def test_without_incidents_bands_have_no_numbers() -> None:
    data = sample.burst_data()
    timeline = draw_timeline(data, judge(data))
    assert timeline is not None
    assert not timeline.numbered
    assert [run.mark for run in timeline.runs] == [""]
