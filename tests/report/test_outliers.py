"""Event times that stand for something else, told from those that are only few."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from replay.report.buckets import Bucket, end_of, make_grid, to_steps
from replay.report.charts.geometry import time_ticks
from replay.report.outliers import find_outliers, usual_starts
from replay.report.summary import TimeOutliers

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NEVER = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
UNKNOWN = datetime(1, 1, 1, tzinfo=UTC)
HOUR = {START + place * MINUTE: 100 for place in range(60)}
END = START + 59 * MINUTE


@pytest.mark.parametrize(
    ("outside", "rows"),
    [({NEVER: 1}, 1), ({UNKNOWN: 2}, 2), ({UNKNOWN: 1, NEVER: 3}, 4), ({datetime(1970, 1, 1, tzinfo=UTC): 60}, 60)],
    ids=["never", "unknown", "both", "1970"],
)
def test_few_rows_far_away_are_outliers(outside: dict[datetime, int], rows: int):
    found = find_outliers(HOUR | outside)
    assert found == TimeOutliers(rows, min(outside), max(outside), START, END)


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {NEVER: 5},
        {START: 1, NEVER: 1},
        HOUR,
        HOUR | {START - timedelta(hours=20): 1},
        HOUR | {NEVER: 61},
        {START + timedelta(days=place**2): 1 for place in range(30)},
        {START: 1, START + timedelta(days=5): 1, START + timedelta(days=6): 1},
    ],
    ids=["none", "one", "two", "an hour", "the day before", "more than a few", "ever rarer", "three"],
)
def test_all_other_times_are_drawn(rows: dict[datetime, int]):
    assert find_outliers(rows) is None
    assert usual_starts(rows) == ((min(rows), max(rows)) if rows else None)


@pytest.mark.parametrize("end", [NEVER, UNKNOWN], ids=["never", "unknown"])
def test_the_axis_does_not_reach_to_an_outlier(end: datetime):
    buckets = [Bucket(start, rows, 0) for start, rows in sorted((HOUR | {end: 1}).items())]
    grid = make_grid({"prod": buckets}, 60, limit=100)
    assert grid is not None
    assert (grid.start, grid.end, grid.count) == (START, START + timedelta(hours=1), 60)
    assert sum(step.compared for step in to_steps(buckets, grid) if step) == 6000


@pytest.mark.parametrize("width", [MINUTE, timedelta(days=7)], ids=["minutes", "weeks"])
@pytest.mark.parametrize("at", [NEVER, UNKNOWN], ids=["never", "unknown"])
def test_an_axis_at_an_end_of_the_calendar(at: datetime, width: timedelta):
    buckets = [Bucket(at, 3, 1)]
    grid = make_grid({"prod": buckets}, width.total_seconds(), limit=10)
    assert grid is not None
    assert grid.start <= at <= grid.end
    assert [step.compared for step in to_steps(buckets, grid) if step] == [3]
    assert all(0.0 <= tick.at <= 1.0 for tick in time_ticks(grid.start, grid.end))


def test_the_last_bucket_ends_with_the_calendar():
    assert end_of(NEVER, MINUTE) == datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert end_of(START, MINUTE) == START + MINUTE
