"""From the rows outside of incidents to what a report says of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replay.config import DiagnosisConfig, Tolerance
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import NoiseFloor
from replay.diagnosis.standing.find import StandingFinding
from replay.diagnosis.standing.where import Whereabouts
from replay.flows.incidents.rows import CollectedRows
from replay.flows.incidents.standing import draw_background, measured_again, search_background, summarize_standing
from tests.diagnosis.linear import counterfactual, linear, score, small_columns

NUM_ROWS = 4_000
COLUMNS = small_columns(NUM_ROWS)
REPLAYED = score(COLUMNS)
OLD = (1.5, 1, 5)
HIT = np.random.default_rng(2).random(NUM_ROWS) < 0.05
ONLINE = np.where(HIT, score(COLUMNS, OLD), REPLAYED)
ROWS = RowTable(np.arange(NUM_ROWS), ONLINE, REPLAYED)
COLLECTED = CollectedRows(ROWS, np.arange(NUM_ROWS), 1.0)
TOLERANCE = Tolerance(abs=1e-9, rel=0.0)
FLOOR = NoiseFloor(1e-9, 0.0, 0.0, 1.0, False, 0.3, True, 100, "by hand")
SETTINGS = DiagnosisConfig(sample_rows=50, control_rows=30)
LATE = FoundIncident(
    1_500, NUM_ROWS, {}, 2_500, 2_500, 1.0, 0.0, 0.0, "mismatch", True, False, False, np.arange(1_500, NUM_ROWS)
)


def draw(rows: RowTable = ROWS, incidents=()):
    return draw_background(rows, COLLECTED, incidents, TOLERANCE, SETTINGS, 0)


def test_a_sample_is_drawn_where_enough_rows_disagree():
    drawn = draw()

    assert (len(drawn.sample.mismatched), len(drawn.sample.control)) == (50, 30)
    assert HIT[drawn.sample.mismatched].all()
    assert drawn.samples == (drawn.sample,)
    agreeing = draw(replace(ROWS, online=REPLAYED))
    assert (agreeing.sample, agreeing.samples) == (None, ())


def test_the_background_is_measured_again_without_the_incident():
    """All of the last 2,500 rows are bad, the floor said 30%; 5% of the others are."""
    background = draw(incidents=[LATE]).background

    assert measured_again(FLOOR, background) == HIT[:1_500].mean()
    assert measured_again(replace(FLOOR, concentrated=False), background) is None
    assert measured_again(FLOOR, draw(incidents=[replace(LATE, start_us=100)]).background) is None


def test_without_incidents_the_background_is_of_every_row():
    """The floor's own is of the quieter half of the blocks, which is not how the traffic is."""
    assert measured_again(FLOOR, draw(incidents=[]).background) == HIT.mean()


def test_an_old_checkpoint_is_searched_and_told():
    def replay(sample, rate):
        assert rate == HIT.mean()
        return counterfactual(
            {name: column[sample.all] for name, column in COLUMNS.items()},
            ONLINE[sample.all],
            HIT[sample.all],
            others={"old": linear(*OLD)},
            mismatch_rate=rate,
        )

    (told,) = map(summarize_standing, search_background(draw(), ROWS, replay))

    assert (told.cause.kind, told.cause.checkpoint) == ("route", "old")
    assert told.rate == pytest.approx(HIT.mean())
    assert told.rate_low < told.rate
    assert (told.segments, told.slice_rate, told.entities) == ({}, None, None)


def test_without_a_sample_nothing_is_replayed():
    def replay(sample, rate):
        raise AssertionError("found a search, expected none")

    assert search_background(draw(replace(ROWS, online=REPLAYED)), ROWS, replay) == []


def test_the_slice_is_told_with_its_share():
    where = Whereabouts({"host": ("h7",)}, 0.9)
    told = summarize_standing(StandingFinding(Cause("checkpoint", 1.0, 10), 0.05, 0.04, 0.06, where))

    assert (told.segments, told.slice_rate) == ({"host": ("h7",)}, 0.9)
    assert (told.rate, told.rate_low, told.rate_high) == (0.05, 0.04, 0.06)
