import numpy as np
import pytest

from replay.diagnosis.incidents.clusters import Clusters
from replay.diagnosis.incidents.level import Level
from replay.diagnosis.incidents.likelihood import MismatchModel
from replay.diagnosis.incidents.scan import count_windows, find_peak, window_lengths, window_starts

MODEL = MismatchModel(
    Level(0.01, 1.0, 0.0, np.ones(60, dtype=bool)), Clusters.of_sizes(np.ones(10_000, dtype=np.int64)), 8
)


def grid(num_cells):
    return [(int(a), int(a) + n) for n in window_lengths(num_cells) for a in window_starts(num_cells, n)]


@pytest.mark.parametrize("num_cells", [1, 2, 5, 60])
def test_some_window_overlaps_any_interval_well(num_cells):
    windows = grid(num_cells)
    assert count_windows(num_cells) == len(windows) == len(set(windows))
    for first in range(num_cells):
        for last in range(first + 1, num_cells + 1):
            best = max((min(b, last) - max(a, first)) / (max(b, last) - min(a, first)) for a, b in windows)
            assert best > 0.6


def test_the_peak_is_the_best_window_of_the_grid():
    rng = np.random.default_rng(0)
    num = rng.integers(50, 200, (60, 3)).astype(float)
    total = rng.binomial(num.astype(int), 0.01).astype(float)
    total[20:28, 1] += 30
    peak = find_peak(num, total, MODEL)
    baseline = MODEL.baselines(num, total)
    brute = {
        (a, b, s): MODEL.exponent(num[a:b, s].sum(keepdims=True), total[a:b, s].sum(keepdims=True), baseline[s])[0]
        for a, b in grid(60)
        for s in range(3)
    }

    assert (peak.first, peak.last, peak.index) == max(brute, key=brute.get)
    assert peak.exponent == pytest.approx(max(brute.values()))


def test_nothing_gives_no_evidence():
    assert find_peak(np.full((60, 1), 100.0), np.ones((60, 1)), MODEL).exponent == 0.0
