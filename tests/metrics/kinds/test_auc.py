from __future__ import annotations

import numpy as np
import pytest

from replay.metrics.histogram_metric import HistogramReading
from replay.metrics.kinds.auc import Auc
from tests.metrics.cases import CASES


def brute_force(score, label, weight=None):
    """AUC and its variance from the full matrix of pairs (DeLong et al. 1988), O(m * n)."""
    weight = np.ones(len(score)) if weight is None else weight
    pos, neg = label == 1, label == 0
    psi = (score[pos][:, None] > score[neg][None]) + 0.5 * (score[pos][:, None] == score[neg][None])
    wp, wn = weight[pos] / weight[pos].sum(), weight[neg] / weight[neg].sum()
    v10, v01 = psi @ wn, wp @ psi
    auc = wp @ v10
    m, n = pos.sum(), neg.sum()
    variance = (wp**2 @ (v10 - auc) ** 2) * m / (m - 1) + (wn**2 @ (v01 - auc) ** 2) * n / (n - 1)
    return auc, variance, v10, v01


@pytest.mark.parametrize("case", CASES)
def test_value_and_variance_equal_brute_force(case):
    score, label, weight = CASES[case]
    found = Auc.read(Auc().update(score, label, weight).histogram)
    auc, variance, _, _ = brute_force(score.astype(np.float32), label, weight)
    assert found.value == pytest.approx(auc, rel=1e-12)
    assert found.variance == pytest.approx(variance, rel=1e-10, abs=1e-18)


def test_unweighted_variance_is_delongs_textbook_form():
    score, label, _ = CASES["ties"]
    _, _, v10, v01 = brute_force(score.astype(np.float32), label)
    textbook = np.var(v10, ddof=1) / len(v10) + np.var(v01, ddof=1) / len(v01)
    assert Auc.read(Auc().update(score, label).histogram).variance == pytest.approx(textbook, rel=1e-12)


@pytest.mark.parametrize("max_bins", [8, 64, 256])
def test_coarse_bins_stay_within_the_bound(max_bins):
    score, label, weight = CASES["weights"]
    exact, _, _, _ = brute_force(score.astype(np.float32), label, weight)
    state = Auc(max_bins=max_bins).update(score, label, weight)
    assert state.histogram.keys.size <= max_bins
    assert 0 < abs(state.compute().value - exact) <= Auc.read(state.histogram).error_bound < 0.5


def test_the_bound_is_0_for_float32_and_not_for_finer_scores():
    label = np.array([0.0, 1.0])
    exact = Auc().update(np.array([0.5, 0.5 + 2**-24], dtype=np.float32), label)
    assert Auc.read(exact.histogram).error_bound == 0
    finer = Auc().update(np.array([0.5, 0.5 + 2**-40]), label)
    assert finer.compute().value == 0.5  # a tie for float32, though the true AUC is 1
    assert Auc.read(finer.histogram).error_bound == 0.5


def test_perfect_separation_does_not_claim_certainty():
    # m = 3 of the smaller class: 0.025 ** (1 / 3) = 0.292402
    score, label = np.array([0.1, 0.2, 0.3, 0.4, 0.7, 0.8, 0.9]), np.array([0, 0, 0, 0, 1, 1, 1])
    found = Auc().update(score, label).compute()
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.2924018, rel=1e-6)
    reverse = Auc().update(-score, label).compute()
    assert (reverse.value, reverse.low, reverse.high) == (0.0, 0.0, pytest.approx(1 - 0.2924018, rel=1e-6))


def test_interval_stays_inside_the_unit():
    low, high = Auc.interval(HistogramReading(0.99, np.zeros((0, 2)), 0.01, (5.0, 5.0)), 0.01)
    assert 0 < low < 0.99 < high < 1
