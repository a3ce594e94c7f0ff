"""Rows around an incident, drawn by hash."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replay.config import Tolerance
from replay.diagnosis.causes.sampling import sample_rows
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.windows.draw import draw_around

NUM_ROWS = 1_000
TOLERANCE = Tolerance(abs=0.01, rel=0)
HOME = (np.arange(NUM_ROWS) % 2).astype(np.int32)
BAD = (np.arange(NUM_ROWS) >= 400) & (np.arange(NUM_ROWS) < 700)
TABLE = RowTable(
    10 * np.arange(NUM_ROWS), np.where(BAD, 1.0, 0.0), np.zeros(NUM_ROWS), {"surface": (HOME, ("feed", "home"))}
)
IDENTITY = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, NUM_ROWS)
INCIDENT = FoundIncident(
    4000, 6000, {"surface": "home"}, 100, 100, 1.0, 1.0, 1e-9, "mismatch", False, False, False, np.arange(401, 600, 2)
)


def draw(most, **given):
    return draw_around(replace(TABLE, **given), IDENTITY, INCIDENT, TOLERANCE, most=most)


def test_all_rows_for_as_long_before_and_after():
    drawn = draw(1_000)

    assert drawn.is_whole
    np.testing.assert_array_equal(drawn.places, np.arange(200, 800))
    np.testing.assert_array_equal(drawn.sample.mismatched, np.flatnonzero(BAD))
    assert len(drawn.sample.control) == 0


def test_the_rows_of_the_incident_are_those_of_its_sample():
    drawn = draw(40)
    sample = sample_rows(TABLE, IDENTITY, INCIDENT, [INCIDENT], TOLERANCE, most_mismatched=40, most_control=0)
    inside = INCIDENT.holds(TABLE)

    assert not drawn.is_whole
    np.testing.assert_array_equal(np.flatnonzero(drawn.chosen & inside), sample.mismatched)
    assert 0 < np.count_nonzero(drawn.chosen & BAD & ~inside) <= 40


def test_as_large_a_share_of_the_rows_that_agree():
    drawn = draw(40)
    outside = ~INCIDENT.holds(TABLE) & drawn.around
    shares = [drawn.chosen[outside & some].mean() for some in (BAD, ~BAD)]

    assert shares[0] == pytest.approx(40 / 200, abs=0.01)
    assert shares[1] == pytest.approx(shares[0], abs=0.08)  # 3 standard errors of 300 rows


def test_edges_are_looked_at_row_by_row():
    drawn = draw(40)
    near = drawn.zoomed(TABLE, [(4000, 150)])

    assert near.chosen[385:416].all()
    np.testing.assert_array_equal(near.chosen[416:], drawn.chosen[416:])
    np.testing.assert_array_equal(near.chosen[:385], drawn.chosen[:385])


def test_no_row_is_looked_at_that_is_not_around():
    assert not draw(40).zoomed(TABLE, [(0, 1_000)]).chosen[:200].any()


def test_rows_without_a_score_cannot_be_replayed():
    online = TABLE.online.copy()
    online[450] = np.nan
    drawn = draw(1_000, online=online)

    assert not drawn.chosen[450]
    assert len(drawn.sample.mismatched) == 299
