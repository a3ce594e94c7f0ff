"""Bursts that come again and again: found each, told as background, or with the incidents that are among them."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.incidents.background.bursts import Bursts
from replay.diagnosis.incidents.find import find_incidents
from replay.diagnosis.incidents.refine import Span
from replay.diagnosis.incidents.scan_counts import IncidentWindow
from replay.diagnosis.incidents.search import IncidentSearch
from replay.diagnosis.noise.noise_floor import as_logged, measure_noise
from tests.diagnosis.traffic import MINUTE, START_US, Plant, make_traffic

TIMEOUTS = 24


def hourly(lasts, share, segments=None):
    return [Plant(60 * hour + 18, 60 * hour + 18 + lasts, share, segments or {}) for hour in range(TIMEOUTS)]


def found(plants, num_rows=200_000):
    table, _ = make_traffic(1, plants=plants, minutes=1440, num_rows=num_rows)
    noise = measure_noise(table)
    return table, find_incidents(as_logged(table, noise), noise.tolerance)


@pytest.fixture(scope="module")
def timeouts():
    return found(hourly(2, 0.6))


def test_timeouts_all_over_the_day_are_one_story_and_no_alarm(timeouts):
    _, incidents = timeouts
    assert [one.background for one in incidents] == [True]
    assert incidents[0].segments == {}
    # Some of the 24 lie in a dip with hardly a row.
    assert 18 <= len(incidents[0].times) <= TIMEOUTS


def test_each_burst_lies_at_a_planted_one(timeouts):
    for start, end in timeouts[1][0].times:
        minute = (start - START_US) / MINUTE
        hour = round((minute - 18) / 60)
        assert abs(minute - (60 * hour + 18)) < 1.5
        assert abs((end - START_US) / MINUTE - (60 * hour + 20)) < 1.5


def test_counts_are_those_of_the_rows_within_the_bursts(timeouts):
    table, incidents = timeouts
    bursts = incidents[0]
    inside = np.zeros(len(table), dtype=bool)
    for start, end in bursts.times:
        inside |= (table.time_us >= start) & (table.time_us < end)
    assert bursts.rows == inside.sum()
    assert np.array_equal(bursts.holds(table), inside)
    assert inside[bursts.indices].all()
    assert len(bursts.indices) == bursts.mismatched
    assert 0.5 < bursts.mismatch_rate < 0.7


def test_bursts_of_one_value_name_it():
    _, incidents = found(hourly(3, 0.9, {"surface": "feed"}))
    assert [one.segments for one in incidents if one.times] == [{"surface": "feed"}]


def test_incidents_that_are_few_stay_incidents():
    _, incidents = found([Plant(60 * hour, 60 * hour + 10, 0.6, {}) for hour in (3, 10, 18)])
    assert len(incidents) == 3
    assert not any(one.times for one in incidents)


def test_an_incident_beside_bursts_stays_one_of_its_own():
    _, incidents = found([*hourly(2, 0.6), Plant(700, 760, 0.6, {})])
    longest = max(incidents, key=lambda one: 0 if one.times else one.end_us - one.start_us)
    assert not longest.times
    assert abs((longest.start_us - START_US) / MINUTE - 700) < 3


def test_quiet_traffic_has_none():
    assert found([], num_rows=60_000)[1] == []


def test_an_incident_among_bursts_is_no_part_of_them():
    """An hour in which all rows disagree, minutes away from the bursts before and after it."""
    _, incidents = found([*hourly(2, 0.6), Plant(60 * 12 + 24, 60 * 13 + 12, 0.9, {})])
    whole, bursts = incidents

    assert [(at - START_US) / MINUTE for at in (whole.start_us, whole.end_us)] == pytest.approx([744, 792], abs=1)
    assert not whole.times
    assert max(end - start for start, end in bursts.times) < 3 * MINUTE
    assert len(bursts.times) >= 17


def test_an_incident_in_a_window_of_nothing_but_bursts_is_still_one():
    """All of the time is one window, as where a slice is bad throughout: what is far longer than a burst is left."""
    bursts = [Plant(5 + 21 * place, 5.7 + 21 * place, 1.0, {}) for place in range(8)]
    table, _ = make_traffic(4, plants=[*bursts, Plant(117, 137, 1.0, {})], minutes=180)
    noise = measure_noise(table)
    rows = as_logged(table, noise)
    search = IncidentSearch(rows, noise.tolerance, noise, MINUTE)
    told, kept = search._burst_search().run([IncidentWindow(0, len(rows), {}, "mismatch", -50.0)])

    (window,) = kept
    assert [(at - START_US) / MINUTE for at in rows.time_us[[window.first, window.last - 1]]] == pytest.approx(
        [117, 137], abs=1
    )
    assert window.log_chance == -50.0
    assert len(told.spans) == 7
    assert not told.background
    assert max(span.last - span.first for span in told.spans) < 0.25 * (window.last - window.first)


@pytest.mark.parametrize(("segments", "told"), [({"country": "BR"}, True), ({"surface": "feed"}, True), ({}, False)])
def test_bursts_are_those_of_an_incident_that_holds_most_of_their_rows(monkeypatch, segments, told):
    """An incident of one slice at all times lies in bursts of all traffic, and these are none of its own."""
    table, _ = make_traffic(4, num_rows=10_000)
    noise = measure_noise(table)
    search = IncidentSearch(table, noise.tolerance, noise, MINUTE)._burst_search()
    spans = tuple(Span(1_000 * place, 1_000 * place + 400) for place in range(1, 9))
    monkeypatch.setattr(search, "_find", lambda: Bursts(spans, {}, -12.0, background=True))
    always = IncidentWindow(0, len(table), segments, "shift", -50.0)
    bursts, kept = search.run([always])

    assert kept == [always]
    assert bursts == (Bursts(spans, {}, -12.0, background=True) if told else None)
