"""Windows of causes by rows that are known to be hit, without any replay."""

from __future__ import annotations

import numpy as np
import pytest

from replay.config import Tolerance
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.windows.draw import draw_around
from replay.diagnosis.windows.find import find_windows
from replay.diagnosis.windows.hits import UNKNOWN

NUM_ROWS = 6_000
ROWS = np.arange(NUM_ROWS)
TOLERANCE = Tolerance(abs=0.01, rel=0)
SURFACES, COUNTRIES = ("home", "feed", "search"), ("DE", "US")
RNG = np.random.default_rng(3)
SEGMENTS = {
    "surface": (RNG.choice(3, NUM_ROWS).astype(np.int32), SURFACES),
    "country": (RNG.choice(2, NUM_ROWS).astype(np.int32), COUNTRIES),
}
HOME = SEGMENTS["surface"][0] == 0
INCIDENT = (2_000, 4_000)


def between(first, last, share=1.0):
    return (first <= ROWS) & (last > ROWS) & (np.random.default_rng(first).random(NUM_ROWS) < share)


def windows(hit, bad=None, known=None, group=None, segments=None, chance=0.0, ends=INCIDENT):
    """Of a cause that hit some rows of an incident in which all rows disagree."""
    bad = between(*INCIDENT) | hit if bad is None else bad
    table = RowTable(1_000 * ROWS, bad.astype(float), np.zeros(NUM_ROWS), SEGMENTS, group=group)
    inside = between(*ends) & table.in_slice(segments or {}) & bad
    incident = FoundIncident(
        1_000 * ends[0],
        1_000 * ends[1] - 999,
        segments or {},
        int(inside.sum()),
        int(inside.sum()),
        1.0,
        1.0,
        1e-9,
        "mismatch",
        False,
        False,
        False,
        np.flatnonzero(inside),
    )
    drawn = draw_around(table, ROWS * 7_919, incident, TOLERANCE, most=NUM_ROWS)
    hits = np.where(hit, 1, 0).astype(np.int8)
    if known is not None:
        hits[~known] = UNKNOWN
    found = find_windows(table, incident, drawn, hits[drawn.places], chance)
    return [(one.start_us // 1_000, one.end_us // 1_000 + 1, dict(one.segments)) for one in found]


def test_a_part_of_the_incident():
    assert windows(between(2_000, 3_000)) == [(2_000, 3_000, {})]
    assert windows(between(2_700, 4_000)) == [(2_700, 4_000, {})]


def test_half_of_the_rows_of_a_part():
    hit = between(2_300, 3_100, 0.5)
    ((first, last, segments),) = windows(hit)

    assert (first, last, segments) == (np.flatnonzero(hit)[0], np.flatnonzero(hit)[-1] + 1, {})


def test_the_whole_incident_is_no_window():
    assert windows(between(2_000, 4_000)) == []
    assert windows(between(2_000, 4_000, 0.4)) == []
    assert windows(between(2_000, 3_950)) == []  # less than a twentieth of it


def test_two_parts():
    assert windows(between(2_000, 2_600) | between(3_200, 4_000)) == [(2_000, 2_600, {}), (3_200, 4_000, {})]


def test_a_slice_of_it():
    hit = between(2_400, 3_400) & HOME
    edges = np.flatnonzero(hit)[[0, -1]]

    assert windows(hit) == [(edges[0], edges[1] + 1, {"surface": "home"})]


def test_a_slice_of_all_of_its_time():
    ((first, last, segments),) = windows(between(*INCIDENT) & HOME)

    assert segments == {"surface": "home"}
    assert (last - first) > 1_990


def test_beyond_the_incident_and_its_slice():
    """The incident is of one surface; the cause is of all, and goes on after it."""
    hit = between(3_000, 5_000)

    assert windows(hit, segments={"surface": "home"}) == [(3_000, 5_000, {})]


def test_too_few_rows_say_nothing():
    bad = between(2_000, 2_030)
    assert windows(between(2_000, 2_012), bad=bad, ends=(2_000, 2_030)) == []


@pytest.mark.parametrize("seed", range(5))
def test_hits_that_lie_in_no_stretches_say_nothing(seed):
    """A share that falls steadily through the incident has no window."""
    share = np.clip((4_000 - ROWS) / 2_000, 0, 1)
    hit = between(*INCIDENT) & (np.random.default_rng(seed).random(NUM_ROWS) < 0.6 * share)

    found = windows(hit)
    held = np.zeros(NUM_ROWS, bool)
    for first, last, _ in found:
        held |= (first <= ROWS) & (last > ROWS)
    assert not found or (hit & held).sum() >= 0.97 * hit.sum()


def test_rows_that_do_not_tell_do_not_count():
    """In the middle nobody can say: the cause may hold there, and the window ends where it surely does not."""
    hit = between(2_000, 2_800)
    assert windows(hit, known=~between(2_800, 3_100)) == [(2_000, 2_800, {})]
    assert windows(between(2_000, 4_000), known=~between(3_000, 4_000)) == []


def test_chance_hits_do_not_stretch_it():
    ((first, last, _),) = windows(between(2_500, 3_100) | between(2_000, 4_000, 0.005), chance=0.005)

    assert (first, last) == (pytest.approx(2_500, abs=3), pytest.approx(3_100, abs=3))


def test_requests_count_as_one():
    """Three requests of ten rows, which a cause hit as a whole, are no evidence of a time without it."""
    group = ROWS // 10
    bad = between(2_000, 2_060)
    hit = between(2_000, 2_030)

    assert windows(hit, bad=bad, ends=(2_000, 2_060)) == [(2_000, 2_030, {})]
    assert windows(hit, bad=bad, group=group, ends=(2_000, 2_060)) == []


def test_what_is_counted():
    bad = between(2_000, 4_000, 0.8) | between(2_500, 3_000)
    table = RowTable(1_000 * ROWS, bad.astype(float), np.zeros(NUM_ROWS), SEGMENTS)
    inside = np.flatnonzero(bad)
    incident = FoundIncident(
        2_000_000, 4_000_000, {}, 2_000, len(inside), 0.8, 1.0, 1e-9, "mismatch", False, False, False, inside
    )
    drawn = draw_around(table, ROWS * 7_919, incident, TOLERANCE, most=NUM_ROWS)
    hits = between(2_500, 3_000).astype(np.int8)
    hits[2_700:2_710] = UNKNOWN
    hits[2_800] = 0
    (one,) = find_windows(table, incident, drawn, hits[drawn.places], 0.0)

    assert (one.rows, one.mismatched, one.rows_tested, one.explained) == (500, 500, 490, 489)
