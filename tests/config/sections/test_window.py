"""Windows by two ends, and by how long before a run they lie."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from replay.config.sections.window import TrafficWindow, Window, traffic_window

NOW = datetime(2026, 11, 20, 10, 5, 7, 999_999, UTC)


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        ({"last": "1h"}, "2026-11-20T09:05:07", "2026-11-20T10:05:07"),
        ({"last": "1h", "ending": "now", "delay": "10min"}, "2026-11-20T08:55:07", "2026-11-20T09:55:07"),
        ({"last": "1h", "ending": "hour"}, "2026-11-20T09:00:00", "2026-11-20T10:00:00"),
        ({"last": "1h", "ending": "hour", "delay": "5min"}, "2026-11-20T09:00:00", "2026-11-20T10:00:00"),
        ({"last": "1h", "ending": "hour", "delay": "6min"}, "2026-11-20T08:00:00", "2026-11-20T09:00:00"),
        ({"last": "30min", "ending": "hour"}, "2026-11-20T09:30:00", "2026-11-20T10:00:00"),
        ({"last": "1d", "ending": "day"}, "2026-11-19T00:00:00", "2026-11-20T00:00:00"),
        ({"last": "1d", "ending": "day", "delay": "11h"}, "2026-11-18T00:00:00", "2026-11-19T00:00:00"),
    ],
)
def test_a_rolling_window_is_resolved_in_utc(given: dict[str, str], start: str, end: str):
    expected = TrafficWindow(start=start, end=end)
    window = TrafficWindow.model_validate(given)
    assert window.is_rolling
    assert window.resolved(NOW) == expected
    assert window.resolved(NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))) == expected


def test_a_window_with_ends_stays_as_it_is():
    window = TrafficWindow(start="2026-11-20")
    assert not window.is_rolling
    assert window.resolved(NOW) is window
    assert window.rule() == {}


def test_it_is_written_as_it_was_before_there_were_rolling_ones():
    assert TrafficWindow(start="2026-11-20").model_dump(mode="json") == {"start": "2026-11-20T00:00:00Z", "end": None}
    rolling = TrafficWindow(last="90min", delay="10min")
    assert rolling.model_dump(mode="json") == {"start": None, "end": None, "last": "90min", "delay": "10min"}
    assert rolling.rule() == {"last": "90min", "ending": "now", "delay": "10min"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"last": "1h", "start": "2026-11-20"}, "found start, last: give either `start` and `end`, or `last`"),
        ({"end": "2026-11-20", "delay": "1h"}, "found end, delay: give either `start` and `end`, or `last`"),
        ({"ending": "hour"}, "ending: needs `last`, the length of the window, such as 1h"),
        ({"delay": "1h"}, "delay: needs `last`, the length of the window, such as 1h"),
        ({"last": "40000d"}, "last: found 40000d, expected at most 100 years"),
        ({"last": "1h", "delay": "9999999d"}, "delay: found 9999999d, expected at most 100 years"),
        ({"last": "1h", "ending": "week"}, "'now', 'hour' or 'day'"),
        ({"last": 3600}, "expected a duration such as 30s"),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str):
    with pytest.raises(ValidationError) as raised:
        TrafficWindow.model_validate(given)
    assert message in str(raised.value)


def test_a_scenario_has_no_rolling_window():
    with pytest.raises(ValidationError, match="Extra inputs"):
        Window.model_validate({"last": "1h"})


def test_a_plain_window_is_one_of_the_traffic():
    assert traffic_window(Window(start="2026-11-20")) == TrafficWindow(start="2026-11-20")
    assert traffic_window({"start": "2026-11-20"}) == {"start": "2026-11-20"}
