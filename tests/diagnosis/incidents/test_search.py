"""One incident after another, in tables whose bad rows are put there by hand."""

from __future__ import annotations

import numpy as np
import pytest

from replay.config.sections.diff import Tolerance
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.incidents.search import IncidentSearch
from replay.diagnosis.noise.noise_floor import NoiseFloor

NUM_ROWS = 6_000
SECOND = 1_000_000
ALARM = float(np.log(1e-3))
TOLERANCE = Tolerance(abs=0.01, rel=0.0)


def search(*blocks: range, size: float = 0.3, concentrated: bool = True, slice_of: int | None = None):
    """Every row of the blocks is off by ``size``, or those of one value of the segment only; all others agree."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, NUM_ROWS).astype(np.int32)
    replayed = rng.uniform(0.2, 0.5, NUM_ROWS)
    online = replayed.copy()
    for block in blocks:
        hit = np.array(block)
        hit = hit if slice_of is None else hit[codes[hit] == slice_of]
        online[hit] += size
    rows = RowTable(np.arange(NUM_ROWS) * SECOND, online, replayed, {"surface": (codes, ("home", "feed"))})
    noise = NoiseFloor(1e-3, 0.0, 0.0, 1.0, False, 0.0, concentrated, NUM_ROWS, "by hand")
    return IncidentSearch(rows, TOLERANCE, noise, 60 * SECOND), codes


def ranges(found):
    return sorted((window.first, window.last) for window in found)


def test_all_quiet_is_no_incident():
    assert search()[0].run(ALARM, 10) == []


def test_a_block_is_found_to_the_row():
    (window,) = search(range(2_000, 2_300))[0].run(ALARM, 10)

    assert (window.first, window.last, window.segments, window.kind) == (2_000, 2_300, {}, "mismatch")
    assert window.log_chance < ALARM


def test_blocks_of_one_slice_are_that_slices():
    found, codes = search(range(2_000, 2_400), slice_of=1)
    (window,) = found.run(ALARM, 10)
    hit = 2_000 + np.flatnonzero(codes[2_000:2_400] == 1)

    assert window.segments == {"surface": "feed"}
    assert (window.first, window.last) == (hit[0], hit[-1] + 1)


def test_the_window_with_most_evidence_comes_first_and_is_kept():
    blocks = range(1_000, 1_100), range(3_000, 3_400)

    assert ranges(search(*blocks)[0].run(ALARM, 10)) == [(1_000, 1_100), (3_000, 3_400)]
    assert ranges(search(*blocks)[0].run(ALARM, 1)) == [(3_000, 3_400)]
    chances = [window.log_chance for window in search(*blocks)[0].run(ALARM, 10)]
    assert chances == sorted(chances)


@pytest.mark.parametrize(("pause", "expected"), [(5, 1), (300, 2)])
def test_windows_that_touch_are_one(pause, expected):
    assert len(search(range(1_000, 1_300), range(1_300 + pause, 1_900))[0].run(ALARM, 10)) == expected


def test_bad_from_the_first_row_to_the_last_is_one_permanent_window():
    (window,) = search(range(NUM_ROWS), concentrated=False)[0].run(ALARM, 10)

    assert (window.first, window.last, window.segments) == (0, NUM_ROWS, {})


def test_a_difference_within_the_tolerance_is_a_shift():
    found, _ = search(range(2_000, 3_000), size=0.005)
    (window,) = found.run(ALARM, 10)

    assert window.kind == "shift"
    assert (window.first, window.last) == (2_000, 3_000)
    # Online is higher, so that replayed - online leans down; outside there is no difference at all.
    assert (found.shifted(np.arange(2_000, 3_000)) < 0).all()
    assert not found.shifted(np.arange(2_000)).any()
