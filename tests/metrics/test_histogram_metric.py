"""The second pass over rows in memory, against every pair of rows."""

from __future__ import annotations

import numpy as np
import pytest

from replay.metrics.cluster import cluster_codes
from replay.metrics.interval import Z95, t_quantile
from replay.metrics.kinds.auc import Auc
from tests.metrics.cases import CASES
from tests.metrics.kinds.test_auc import brute_force

SCORE, LABEL, WEIGHT = (column for column in CASES["tied weights"])
RNG = np.random.default_rng(5)
OTHER = np.clip(SCORE + RNG.normal(0, 0.1, len(SCORE)), 0.01, 0.99).round(2)
GROUP = np.arange(len(SCORE)) // 4


def influences(score, weight, label=LABEL):
    """AUC, and influence of each row, from the full matrix of pairs."""
    auc, _, v10, v01 = brute_force(score.astype(np.float32), label, weight)
    rows = np.empty(len(score))
    for one, component in ((1, v10), (0, v01)):
        of_class = one == label
        rows[of_class] = weight[of_class] * (component - auc) / weight[of_class].sum()
    return auc, rows


def random_groups(rows, cluster):
    """Variance from the influence of rows by hashed cluster, and half an interval's width in standard errors."""
    by_cluster = np.bincount(cluster_codes(cluster), weights=rows)
    count = len(set(cluster_codes(cluster).tolist()))
    return count / (count - 1) * np.sum(by_cluster**2), t_quantile(count - 1)


def test_without_clusters_rows_in_memory_are_one_pass():
    assert Auc.measure(SCORE, LABEL, WEIGHT) == Auc().update(SCORE, LABEL, WEIGHT).compute()


def test_clustered_variance_equals_brute_force():
    auc, rows = influences(SCORE, WEIGHT)
    variance, quantile = random_groups(rows, GROUP)
    half = quantile * np.sqrt(variance) / (auc * (1 - auc))
    found = Auc.measure(SCORE, LABEL, WEIGHT, GROUP)
    assert (found.value, found.rows) == (pytest.approx(auc, rel=1e-12), len(SCORE))
    low, high = found.low, found.high
    assert np.log(np.array([low / (1 - low), high / (1 - high)])) == pytest.approx(
        np.log(auc / (1 - auc)) + half * np.array([-1, 1]), rel=1e-9
    )


def test_paired_drop_equals_delongs_covariance():
    base, _, base10, base01 = brute_force(SCORE.astype(np.float32), LABEL)
    auc, _, v10, v01 = brute_force(OTHER.astype(np.float32), LABEL)
    variance = np.var(base10 - v10, ddof=1) / len(v10) + np.var(base01 - v01, ddof=1) / len(v01)
    found = Auc.measure_change(OTHER, SCORE, LABEL)
    assert (found.value, found.rows) == (pytest.approx(base - auc, rel=1e-12), len(SCORE))
    assert (found.high - found.low) / 2 == pytest.approx(Z95 * np.sqrt(variance), rel=1e-10)


def test_a_clustered_drop_equals_brute_force():
    variance, quantile = random_groups(influences(SCORE, WEIGHT)[1] - influences(OTHER, WEIGHT)[1], GROUP)
    found = Auc.measure_change(OTHER, SCORE, LABEL, WEIGHT, GROUP)
    assert (found.high - found.low) / 2 == pytest.approx(quantile * np.sqrt(variance), rel=1e-9)


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
    assert (found.high - found.low) / 2 == pytest.approx(Z95 * np.sqrt(variance), rel=1e-9)
    assert found.rows == len(SCORE)


def test_undefined_says_why():
    score, label, group = np.array([0.1]), np.array([1.0]), np.array([4])
    for found in (Auc.measure(score, label, None, group), Auc.measure_change(score, score, label, None, group)):
        assert (found.value, found.rows, found.reason) == (None, 1, "the labels are all of one class")
    nothing = Auc.measure_change(np.array([np.nan]), score, label)
    assert (nothing.value, nothing.reason) == (None, "no row has a finite score, a 0/1 label and a weight")
