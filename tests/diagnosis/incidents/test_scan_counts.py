"""Counts against counting by hand, before and after rows are taken out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binned_statistic_2d

from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.incidents.scan import count_windows
from replay.diagnosis.incidents.scan_counts import ScanCounts
from replay.diagnosis.incidents.signals import Signal

NUM_ROWS = 3_000
MINUTE = 60_000_000


@pytest.fixture
def rows() -> RowTable:
    """Ten minutes of traffic, two values of a segment, some rows without a score."""
    rng = np.random.default_rng(0)
    online = rng.random(NUM_ROWS)
    online[::50] = np.nan
    codes = rng.integers(0, 2, NUM_ROWS).astype(np.int32)
    times = np.sort(rng.integers(0, 10 * MINUTE, NUM_ROWS))
    return RowTable(times, online, rng.random(NUM_ROWS), {"surface": (codes, ("home", "feed"))})


@pytest.fixture
def mismatches(rows) -> Signal:
    """3% of the rows, and nine tenths of one slice's rows in the middle."""
    rng = np.random.default_rng(1)
    rate = np.full(NUM_ROWS, 0.03)
    rate[1200:1600] = np.where(rows.segments["surface"][0][1200:1600] == 1, 0.9, 0.03)
    return Signal("mismatch", ((rng.random(NUM_ROWS) < rate) & rows.counts).astype(float), rows.counts, None, 1.0)


def by_cell_and_value(counts: ScanCounts, rows: RowTable, used: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The oracle: scipy's sums in two dimensions."""
    cell, code = counts.cells.of_row[used], rows.segments["surface"][0][used]
    edges = [np.arange(len(counts.cells) + 1) - 0.5, np.arange(3) - 0.5]
    return binned_statistic_2d(cell, code, weights[used], "sum", bins=edges).statistic


def check(counts: ScanCounts, rows: RowTable, signal: Signal, used: np.ndarray) -> None:
    num, total = (by_cell_and_value(counts, rows, used, weights) for weights in (np.ones(NUM_ROWS), signal.value))
    np.testing.assert_allclose(counts.num[0][1], num)
    np.testing.assert_allclose(counts.total[0][1], total)
    np.testing.assert_allclose(counts.total[0][0][:, 0], total.sum(axis=1))


def test_a_signal_is_counted_by_cell_and_slice(rows, mismatches):
    counts = ScanCounts(rows, MINUTE)
    counts.add(mismatches)

    assert [slicing.names for slicing in counts.slicings] == [(), ("surface",)]
    check(counts, rows, mismatches, np.flatnonzero(rows.counts))


def test_rows_are_taken_out_once(rows, mismatches):
    counts = ScanCounts(rows, MINUTE)
    counts.add(mismatches)
    gone = np.arange(1000, 1700)
    counts.remove(gone)
    counts.remove(gone)

    check(counts, rows, mismatches, np.setdiff1d(np.flatnonzero(rows.counts), gone))


def test_rows_that_are_restored_count_once_again(rows, mismatches):
    counts = ScanCounts(rows, MINUTE)
    counts.add(mismatches)
    counts.remove(np.arange(1000, 1700))
    counts.restore(np.flatnonzero(rows.counts[:1200]))

    check(counts, rows, mismatches, np.setdiff1d(np.flatnonzero(rows.counts), np.arange(1200, 1700)))


def test_signals_over_the_same_rows_share_their_counts(rows, mismatches):
    """And when rows are taken out, those counts go down once."""
    counts = ScanCounts(rows, MINUTE)
    other = Signal("mismatch", 2 * mismatches.value, mismatches.valid, None, 1.0)
    counts.add(mismatches)
    counts.add(other)
    counts.remove(np.arange(500))

    assert counts.num[0] is counts.num[1]
    check(counts, rows, mismatches, np.setdiff1d(np.flatnonzero(rows.counts), np.arange(500)))
    np.testing.assert_allclose(counts.total[1][1], 2 * counts.total[0][1])


def test_a_signal_added_later_counts_what_is_left(rows, mismatches):
    counts = ScanCounts(rows, MINUTE)
    counts.remove(np.arange(500))
    counts.add(mismatches)

    check(counts, rows, mismatches, np.setdiff1d(np.flatnonzero(rows.counts), np.arange(500)))


def test_tests_are_windows_by_slices_by_signals(rows, mismatches):
    counts = ScanCounts(rows, MINUTE)
    counts.add(mismatches)
    windows = count_windows(len(counts.cells))

    assert counts.tests() == windows * 3  # all traffic, home, feed
    counts.add(mismatches)
    assert counts.tests() == windows * 3 * 2


def test_the_best_window_is_that_of_the_planted_slice(rows, mismatches):
    counts = ScanCounts(rows, MINUTE)
    counts.add(mismatches)
    best = counts.best({0: counts.model(0, 0.08)})

    assert counts.slicings[best.slicing].segments(best.peak.index) == {"surface": "feed"}
    first, last = counts.cells.edges[[best.peak.first, best.peak.last]]
    assert abs(first - 1200) < 150
    assert abs(last - 1600) < 150


def test_nothing_left_has_no_model_and_no_best_window(rows, mismatches):
    counts = ScanCounts(rows, MINUTE)
    counts.add(mismatches)
    counts.remove(np.arange(NUM_ROWS))

    assert counts.model(0, 0.08) is None
    assert counts.best({}) is None
