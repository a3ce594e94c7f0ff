"""Stories as JSON has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from replay.report.summary import Story
from replay.report.summary.json_safe import plain
from tests.report import sample

START = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


def test_a_story_is_plain_data():
    story = Story((1, 3), "host", ("3", "7"), {"country": "DE"}, START, START + timedelta(hours=1), 200, 80)

    assert plain(story) == {
        "incidents": [1, 3],
        "column": "host",
        "values": ["3", "7"],
        "segments": {"country": "DE"},
        "start": "2026-11-20T18:00:00Z",
        "end": "2026-11-20T19:00:00Z",
        "rows": 200,
        "mismatched": 80,
    }


def test_a_run_without_one_has_none():
    assert sample.burst_data().summary.to_dict()["stories"] == []
