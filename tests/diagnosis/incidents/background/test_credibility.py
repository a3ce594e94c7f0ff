"""Which windows stand out from how far the background's own do."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.incidents.background.credibility import Credibility
from replay.diagnosis.incidents.find import find_incidents
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.incidents.scan_counts import IncidentWindow, ScanCounts
from replay.diagnosis.incidents.signals import MOST_BACKGROUND
from replay.diagnosis.noise.noise_floor import measure_noise
from tests.diagnosis.traffic import Plant, make_traffic

NUM = 1_000
ROWS = RowTable(np.arange(NUM), np.zeros(NUM), np.zeros(NUM))


@pytest.mark.parametrize(
    ("rate", "length", "segments", "beyond"),
    [
        (0.6, 500, {}, True),
        (0.2, 125, {}, True),
        (0.6, 100, {}, False),  # a burst may be as bad
        (0.1, 500, {}, False),  # a level that wanders may be as high
        (0.6, 500, {"host": "h1"}, False),
    ],
)
def test_most_of_the_traffic_for_long_is_no_background(rate, length, segments, beyond):
    severity = np.zeros(NUM)
    severity[200 : 200 + length][: round(rate * length)] = 2.0
    window = IncidentWindow(200, 200 + length, segments, "mismatch", -50.0)
    credibility = Credibility(ROWS, severity, ScanCounts(ROWS, 60_000_000), MOST_BACKGROUND)

    assert credibility._is_beyond_background(window) is beyond


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fade", [30, 60])
def test_a_fault_of_most_of_the_time_that_runs_out_is_found(seed, fade):
    """A quarter of the time is left to know the background from."""
    table, (hit,) = make_traffic(seed, num_rows=30_000, drift=0.015, plants=[Plant(10, 100, 0.9, {}, fade=fade)])
    (found,) = find_incidents(table, measure_noise(table).tolerance)

    assert len(np.intersect1d(found.indices, hit)) > 0.9 * len(hit)
