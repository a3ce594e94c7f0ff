from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.metrics.kinds.calibration import Calibration


def test_weights_count_on_both_sides():
    found = Calibration().update(np.array([0.5, 0.25]), np.array([1.0, 0.0]), np.array([2.0, 4.0])).compute()
    assert found.value == (2 * 0.5 + 4 * 0.25) / 2


def test_one_row_has_a_value_and_no_interval():
    found = Calibration().update(np.array([0.5]), np.array([1.0])).compute()
    assert (found.value, found.low, found.high) == (0.5, None, None)


def test_the_interval_is_symmetric_on_the_log_scale_and_plain_below_0():
    score, label = np.tile([0.5, 0.25, 0.75, 0.125], 3), np.tile([1.0, 0.0, 1.0, 0.0], 3)
    found = Calibration().update(score, label).compute()
    assert found.low * found.high == pytest.approx(found.value**2, rel=1e-12)
    below = Calibration().update(-score, label).compute()
    assert (below.low + below.high) / 2 == pytest.approx(below.value, rel=1e-12)


def test_few_positives_widen_it_by_t_of_twice_their_number():
    score, label = np.tile([0.5, 0.25, 0.75, 0.125], 3), np.tile([1.0, 0.0, 1.0, 0.0], 3)
    found = Calibration().update(score, label).compute()
    off = (score - found.value * label) / label.sum()
    error = np.sqrt(np.sum(off**2) * 12 / 11)
    half = stats.t.ppf(0.975, 12) * error / found.value
    assert np.log(found.high / found.value) == pytest.approx(half, rel=1e-4)


def test_huge_scores_have_no_silent_infinity():
    found = Calibration().update(np.array([1e308, 1e308]), np.array([1.0, 1.0]))
    assert found.compute().reason == "the sums overflow float64"
