"""The second pass over rows in memory, against every pair of rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.metrics.cluster import cluster_codes
from replay.metrics.interval import t_quantile
from replay.metrics.kinds.auc import Auc
from tests.metrics.cases import CASES
from tests.metrics.kinds.test_auc import brute_force, score_interval, welch_degrees

SCORE, LABEL, WEIGHT = (column for column in CASES["tied weights"])
RNG = np.random.default_rng(5)
OTHER = np.clip(SCORE + RNG.normal(0, 0.1, len(SCORE)), 0.01, 0.99).round(2)
GROUP = np.arange(len(SCORE)) // 4


def influences(score, weight, label=LABEL):
    """AUC, and influence of each row, from the full matrix of pairs."""
    auc, _, v10, v01 = brute_force(score.astype(np.float64), label, weight)
    rows = np.empty(len(score))
    for one, component in ((1, v10), (0, v01)):
        of_class = one == label
        rows[of_class] = weight[of_class] * (component - auc) / weight[of_class].sum()
    return auc, rows


def random_groups(rows, cluster):
    """Variance from the influence of rows by hashed cluster, and the number of clusters."""
    by_cluster = np.bincount(cluster_codes(cluster), weights=rows)
    count = len(set(cluster_codes(cluster).tolist()))
    return count / (count - 1) * np.sum(by_cluster**2), count


def independent_rows(score, weight, clustered=None):
    """Effective rows of each class over the design effect, and that effect."""
    _, independent, _, _ = brute_force(score, LABEL, weight)
    effect = 1.0 if clustered is None else max(clustered / independent, 1.0)
    by_class = [weight[one == LABEL] for one in (1, 0)]
    return [part.sum() ** 2 / (part @ part) / effect for part in by_class], effect


def half_width(variances, paired, aucs, sizes, degrees, expected):
    """Half an interval of a change: the paired variance as far as it can be told, else that of the score intervals."""
    z = stats.norm.ppf(0.975)
    told = 4 * np.mean(aucs) * (1 - np.mean(aucs)) * min(sizes)
    correlation = (sum(variances) - paired) / 2 / np.sqrt(np.prod(variances))
    own = [((high - low) / 2 / z) ** 2 for low, high in expected]
    whole = sum(own) - 2 * correlation * np.sqrt(np.prod(own))
    excess = (stats.t.ppf(0.975, degrees) / z) ** 2
    return z * np.sqrt((told * paired * excess + 2 * whole) / (told + 2))


def test_the_quantile_of_the_tests_is_that_of_the_package():
    assert t_quantile(30) == pytest.approx(stats.t.ppf(0.975, 30), rel=1e-6)


def test_without_clusters_rows_in_memory_are_one_pass():
    assert Auc.measure(SCORE, LABEL, WEIGHT) == Auc().update(SCORE, LABEL, WEIGHT).compute()


def test_clustered_variance_equals_brute_force():
    auc, rows = influences(SCORE, WEIGHT)
    alike = np.argsort(np.argsort(SCORE)) // 4
    variance, groups = random_groups(rows, alike)
    sizes, effect = independent_rows(SCORE, WEIGHT, variance)
    found = Auc.measure(SCORE, LABEL, WEIGHT, alike)
    assert (found.value, found.rows) == (pytest.approx(auc, rel=1e-12), len(SCORE))
    assert effect > 1.1
    expected = score_interval(auc, *sizes, variance, groups - 1, groups)
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-5)


def test_paired_drop_equals_delongs_covariance():
    base, _, base10, base01 = brute_force(SCORE.astype(np.float64), LABEL)
    auc, _, v10, v01 = brute_force(OTHER.astype(np.float64), LABEL)
    variance = np.var(base10 - v10, ddof=1) / len(v10) + np.var(base01 - v01, ddof=1) / len(v01)
    found = Auc.measure_change(OTHER, SCORE, LABEL)
    assert (found.value, found.rows) == (pytest.approx(base - auc, rel=1e-12), len(SCORE))
    own = [
        np.var(one, ddof=1) / len(one) + np.var(two, ddof=1) / len(two) for one, two in ((v10, v01), (base10, base01))
    ]
    sizes = (len(v10), len(v01))
    expected = [
        score_interval(value, *sizes, variance_of_one, welch_degrees(*parts))
        for value, variance_of_one, parts in zip((auc, base), own, ((v10, v01), (base10, base01)), strict=True)
    ]
    degrees = welch_degrees(base10 - v10, base01 - v01)
    half = half_width(own, variance, (auc, base), sizes, degrees, expected)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-5)


def test_a_clustered_drop_equals_brute_force():
    (base, there), (auc, here) = influences(SCORE, WEIGHT), influences(OTHER, WEIGHT)
    variance, groups = random_groups(there - here, GROUP)
    own = [random_groups(rows, GROUP)[0] for rows in (here, there)]
    sizes = [independent_rows(score, WEIGHT, one)[0] for score, one in zip((OTHER, SCORE), own, strict=True)]
    expected = [
        score_interval(value, *rows, one, groups - 1, groups)
        for value, rows, one in zip((auc, base), sizes, own, strict=True)
    ]
    half = half_width(own, variance, (auc, base), min(sizes, key=min), groups - 1, expected)
    found = Auc.measure_change(OTHER, SCORE, LABEL, WEIGHT, GROUP)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-5)


def test_a_score_against_itself_drops_by_exactly_nothing():
    found = Auc.measure_change(SCORE, SCORE, LABEL, WEIGHT, GROUP)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_a_row_that_only_one_side_scores_counts_on_that_side():
    other = OTHER.copy()
    other[::7] = np.nan
    scored = np.isfinite(other)
    base, here = influences(SCORE, WEIGHT)[1], np.zeros(len(SCORE))
    here[scored] = influences(other[scored], WEIGHT[scored], LABEL[scored])[1]
    squares = [((base - here)[one == LABEL] ** 2).sum() for one in (0, 1)]
    classes = [scored[one == LABEL].sum() for one in (0, 1)]
    variance = sum(square * rows / (rows - 1) for square, rows in zip(squares, classes, strict=True))
    found = Auc.measure_change(other, SCORE, LABEL, WEIGHT)
    # Some 90 effective rows leave t and the score intervals a few per cent.
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * np.sqrt(variance), rel=0.06)
    assert found.rows == len(SCORE)


def test_undefined_says_why():
    score, label, group = np.array([0.1]), np.array([1.0]), np.array([4])
    for found in (Auc.measure(score, label, None, group), Auc.measure_change(score, score, label, None, group)):
        assert (found.value, found.rows, found.reason) == (None, 1, "the labels are all of one class")
    nothing = Auc.measure_change(np.array([np.nan]), score, label)
    assert (nothing.value, nothing.reason) == (None, "no row has a finite score, a 0/1 label and a weight")
