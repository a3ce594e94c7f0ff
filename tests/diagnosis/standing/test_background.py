"""Which rows no incident holds, and the sample of them on which standing causes are tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replay.config.sections.diff import Tolerance
from replay.diagnosis.incidents.find import FoundIncident, find_incidents
from replay.diagnosis.incidents.rows import RowTable, severity
from replay.diagnosis.noise.noise_floor import measure_noise
from replay.diagnosis.standing.background import find_background, sample_background
from replay.metrics.interval import wilson
from tests.diagnosis.traffic import Plant, make_traffic

SURFACE = np.array([0, 1] * 10, np.int32)  # every second row is of `home`
REPLAYED = np.full(20, 0.5)
ONLINE = REPLAYED.copy()
ONLINE[[2, 3, 4, 15, 18]] = 0.9
ROWS = RowTable(np.arange(20), ONLINE, REPLAYED, {"surface": (SURFACE, ("home", "feed"))})
IDENTITY = np.random.default_rng(0).integers(-(2**62), 2**62, 20)
TOLERANCE = Tolerance(abs=0.01, rel=0.0)


def incident(start: int, end: int, **segments: str) -> FoundIncident:
    return FoundIncident(start, end, segments, 0, 0, 0.0, 0.0, 0.0, "mismatch", False, False, False, np.arange(0))


def test_the_background_is_what_no_incident_holds():
    """Rows 2 to 9 of `home` are in it: of the five mismatches 3, 15 and 18 are left, of 16 rows."""
    found = find_background(ROWS, [incident(2, 10, surface="home")], TOLERANCE)

    assert np.flatnonzero(found.mismatched).tolist() == [3, 15, 18]
    assert (found.num_rows, found.rate) == (16, 3 / 16)
    assert not found.is_measured  # sixteen rows say nothing


def test_without_incidents_it_is_every_row_and_with_one_over_all_none():
    assert find_background(ROWS, [], TOLERANCE).rate == 5 / 20
    assert find_background(ROWS, [incident(0, 20)], TOLERANCE).rate == 0.0


def test_the_ends_of_a_ramp_are_no_background():
    """Half as much as it took to rise or to fade is left out before and after."""
    fading = replace(incident(6, 10), rising=(6, 8), fading=(4, 10))

    assert np.flatnonzero(~find_background(ROWS, [fading], TOLERANCE).rows).tolist() == [5, 6, 7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize(("left", "measured"), [(1_999, False), (2_000, True)])
def test_so_many_rows_say_how_the_traffic_is_without_incidents(left, measured):
    """Of 100,000 rows, 2% are asked for."""
    rows = RowTable(np.arange(100_000), np.zeros(100_000), np.zeros(100_000))

    assert find_background(rows, [incident(left, 100_000)], TOLERANCE).is_measured is measured


def test_a_sample_has_rows_that_disagree_and_rows_that_agree():
    background = find_background(ROWS, [incident(2, 10, surface="home")], TOLERANCE)
    every = sample_background(ROWS, IDENTITY, background, most_mismatched=99, most_control=99)
    some = sample_background(ROWS, IDENTITY, background, most_mismatched=2, most_control=4)

    assert every.mismatched.tolist() == [3, 15, 18]
    assert every.control.tolist() == [0, 1, 5, 7, 9, 10, 11, 12, 13, 14, 16, 17, 19]
    assert (len(some.mismatched), len(some.control)) == (2, 4)
    assert set(some.all.tolist()) < set(every.all.tolist())


MAJORITY = {
    "three quarters": [Plant(10, 100, 0.9, {})],
    "nine tenths": [Plant(5, 113, 0.9, {})],
    "one surface, all the time": [Plant(0, 120, 0.9, {"surface": "home"})],
    "two incidents": [Plant(10, 45, 0.9, {}), Plant(60, 110, 0.7, {})],
    "a fault that runs out": [Plant(10, 100, 0.9, {}, fade=60)],
    "none": [],
}


@pytest.mark.parametrize("case", MAJORITY)
def test_the_share_told_is_that_of_the_rows_that_no_incident_hit(case):
    """1.5% of the rows were moved: the share of these is told within its interval, whatever part an incident holds."""
    for seed in range(2):
        table, hits = make_traffic(seed, num_rows=30_000, drift=0.015, plants=MAJORITY[case])
        tolerance = measure_noise(table).tolerance
        found = find_background(table, find_incidents(table, tolerance), tolerance)
        clean = np.ones(len(table), bool)
        for hit in hits:
            clean[hit] = False
        true = float((severity(table, tolerance)[clean] > 1.0).mean())
        # Moved rows come in requests: seen from one of them 1 + (E[size^2] / E[size] - 1) / 2 = 7 of 1 to 20.
        low, high = wilson(round(found.rate * found.num_rows / 7), round(found.num_rows / 7))

        assert found.is_measured
        assert low <= true <= high
