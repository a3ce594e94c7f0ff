from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats
from sklearn.metrics import roc_auc_score

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
    auc, variance, _, _ = brute_force(score, label, weight)
    assert found.value == pytest.approx(auc, rel=1e-12)
    assert found.variance == pytest.approx(variance, rel=1e-10, abs=1e-18)


def test_unweighted_variance_is_delongs_textbook_form():
    score, label, _ = CASES["ties"]
    _, _, v10, v01 = brute_force(score, label)
    textbook = np.var(v10, ddof=1) / len(v10) + np.var(v01, ddof=1) / len(v01)
    assert Auc.read(Auc().update(score, label).histogram).variance == pytest.approx(textbook, rel=1e-12)


@pytest.mark.parametrize("max_bins", [8, 64, 256])
def test_coarse_bins_stay_within_the_bound(max_bins):
    score, label, weight = CASES["weights"]
    exact, _, _, _ = brute_force(score, label, weight)
    state = Auc(max_bins=max_bins).update(score, label, weight)
    assert state.histogram.keys.size <= max_bins
    assert 0 < abs(state.compute().value - exact) <= Auc.read(state.histogram).error_bound < 0.5


@pytest.mark.parametrize("size", [1.0, -1.0, 1e-300, -1e6])
def test_scores_that_only_float64_tells_apart_are_no_ties(size):
    rng = np.random.default_rng(4)
    label = (rng.random(500) < 0.4).astype(float)
    score = size * (0.5 + 1e-9 * (rng.integers(0, 40, 500) + 20 * label))
    state = Auc().update(score, label)
    assert state.compute().value == pytest.approx(roc_auc_score(label, score), rel=1e-12)
    assert np.unique(score.astype(np.float32)).size < 5
    assert Auc.read(state.histogram).error_bound == 0


def test_the_bound_is_that_of_shared_bins_alone():
    label = np.array([0.0, 1.0, 1.0])
    score = np.array([0.5, np.nextafter(0.5, 1), 0.75])
    assert Auc().update(score, label).compute().value == 1.0
    shared = Auc(max_bins=2).update(score, label)
    assert shared.compute().value == 0.75
    assert Auc.read(shared.histogram).error_bound == 0.25


def expected_variance(auc, m, n):
    """Hanley and McNeil's (1982) variance with equal sizes in place of both, as Newcombe (2006) takes it."""
    half = (m + n) / 2
    return auc * (1 - auc) * (1 + (half - 1) * ((1 - auc) / (2 - auc) + auc / (1 + auc))) / (m * n)


def score_interval(auc, m, n, variance=None, degrees=None, groups=np.inf):
    """Every theta that is as near to the AUC as its variance allows, by scipy's root finder."""
    z = stats.norm.ppf(0.975)
    of_groups = 1.0 if np.isinf(groups) else (stats.t.ppf(0.975, groups - 1) / z) ** 2
    inflation = 1.0
    if variance:
        excess = max((stats.t.ppf(0.975, degrees) / z) ** 2 / of_groups, 1.0)
        told = 4 * auc * (1 - auc) * min(m, n)
        inflation = (told * excess * variance / expected_variance(auc, m, n) + 15) / (told + 15)

    def beyond(theta):
        return (theta - auc) ** 2 - z * z * of_groups * inflation * expected_variance(theta, m, n)

    ends = [(1e-12, auc), (auc, 1 - 1e-12)]
    return [
        edge if beyond(low) * beyond(high) > 0 else optimize.brentq(beyond, low, high, xtol=1e-13)
        for edge, (low, high) in zip((0.0, 1.0), ends, strict=True)
    ]


def welch_degrees(left, right):
    return stats.ttest_ind(left, right, equal_var=False).df


@pytest.mark.parametrize("case", ["plain", "ties"])
def test_the_interval_is_newcombes_with_the_samples_own_variance_as_far_as_it_tells(case):
    score, label, _ = CASES[case]
    found = Auc().update(score, label).compute()
    auc, variance, v10, v01 = brute_force(score, label)
    expected = score_interval(auc, len(v10), len(v01), variance, welch_degrees(v10, v01))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-4)
    assert found.positives == len(v10)


def test_with_many_rows_it_is_delongs():
    rng = np.random.default_rng(2)
    label = (rng.random(200_000) < 0.3).astype(float)
    score = rng.normal(size=label.size) * (1 + label) + label
    found = Auc().update(score, label).compute()
    error = np.sqrt(Auc.read(Auc().update(score, label).histogram).variance)
    assert (found.low, found.high) == pytest.approx(
        found.value + 1.959964 * error * np.array([-1, 1]), abs=0.02 * error
    )


def test_perfect_separation_does_not_claim_certainty():
    score, label = np.arange(14.0), np.repeat([0.0, 1.0], [8, 6])
    found = Auc().update(score, label).compute()
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(score_interval(1 - 1e-12, 6, 8)[0], rel=1e-6)
    assert 0.5 < found.low < 0.8
    reverse = Auc().update(-score, label).compute()
    assert (reverse.value, reverse.low, reverse.high) == (0.0, 0.0, pytest.approx(1 - found.low, rel=1e-6))


@pytest.mark.parametrize(
    ("label", "weight", "reason"),
    [
        (np.repeat([0.0, 1.0], [16, 4]), None, "no interval: 4 positives, and it takes 5"),
        (np.repeat([1.0, 0.0], [17, 3]), None, "no interval: 3 negatives, and it takes 5"),
        # One row of weight 9 beside seven of weight 1: 16**2 / (81 + 7) = 2.9.
        (np.repeat([0.0, 1.0], [12, 8]), np.array([1.0] * 19 + [9.0]), "no interval: 2.91 positives, and it takes 5"),
    ],
)
def test_of_too_few_rows_of_a_class_there_is_a_value_and_no_interval(label, weight, reason):
    for found in (
        Auc.measure(np.arange(20.0), label, weight),
        Auc.measure_change(np.arange(20.0) % 7, np.arange(20.0), label, weight),
    ):
        assert found.value is not None
        assert (found.low, found.high, found.reason) == (None, None, reason)


def test_groups_of_like_rows_count_as_few():
    score, label = np.repeat(np.arange(8.0) % 5, 50), np.repeat(np.arange(8) % 2, 50).astype(float)
    found = Auc.measure(score, label, None, np.repeat(np.arange(8), 50))
    assert found.low is None
    assert found.reason.startswith("no interval: 200 positives, which count as ")
    assert Auc.measure(score, label, None, np.arange(400) // 200).reason == (
        "no interval: 2 groups with labels, and it takes 5"
    )
