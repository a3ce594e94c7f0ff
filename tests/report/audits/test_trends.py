"""Sparklines and charts of ages, by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from replay.report.audits.trends import AGES_SHOWN, age_charts, sparkline
from replay.report.summary.audits import AgesSummary, BucketDistance
from tests.report.audits.found import AUDIT, STALE

START = datetime(2026, 11, 20, tzinfo=UTC)


def _buckets(*distances):
    return tuple(BucketDistance(START + timedelta(days=day), 1.0, distance) for day, distance in enumerate(distances))


def test_the_largest_distance_reaches_the_top():
    drawn = sparkline(replace(STALE, buckets=_buckets(0.0, 0.02, None, 0.01)))

    assert drawn.line == "M0.0,100.0L500.0,0.0L1000.0,50.0"
    assert drawn.title == "divergence by stretch of time, at most 0.02 from 2026-11-21 00:00"


def test_one_stretch_is_no_line():
    assert sparkline(STALE) is None
    assert sparkline(replace(STALE, buckets=_buckets(0.1))) is None
    assert sparkline(replace(STALE, buckets=_buckets(0.0, 0.0))).line == "M0.0,100.0L1000.0,100.0"


def test_ages_are_drawn_by_hour():
    hours = tuple(float((hour - 3) % 24) for hour in range(24))
    ages = (AgesSummary("there", ("a", "b", "c", "d"), hours), AgesSummary("here", ("e",), (1.0, *[None] * 23)))

    (chart,) = age_charts(replace(AUDIT, ages=ages))

    assert chart.title == "a, b, c and 1 more, in served"
    assert [point.label for point in chart.points][:2] == ["00:00", "01:00"]
    assert min(chart.points, key=lambda point: point.height).label == "03:00"
    assert len(age_charts(replace(AUDIT, ages=ages[:1] * 20))) == AGES_SHOWN
