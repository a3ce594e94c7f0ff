"""Shares by clusters against simulation and a hand calculation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.audit.row_differences import CLUSTERS, FeatureCounts
from replay.audit.significance import clustered_share, significant_features


def test_a_share_by_hand():
    sums, rows = np.array([2, 4, 0]), np.array([10, 10, 10])
    influence = (sums - 0.2 * rows) / 30
    variance = 3 / 2 * (influence**2).sum()

    found = clustered_share(sums, rows)

    assert found.value == pytest.approx(0.2)
    assert found.p_value == pytest.approx(2 * stats.t.sf(0.2 / variance**0.5, 2))
    assert found.high == pytest.approx(0.2 + stats.t.ppf(0.975, 2) * variance**0.5)


def test_the_interval_of_clustered_rows_holds_the_truth_as_often_as_it_says():
    rng, held = np.random.default_rng(0), 0
    for _ in range(300):
        rows = rng.poisson(50, CLUSTERS) + 1
        sums = rng.binomial(rows, rng.beta(2, 8, CLUSTERS))
        found = clustered_share(sums, rows)
        held += found.low <= 0.2 <= found.high

    assert 0.91 <= held / 300 <= 0.985


def test_no_row_no_cluster_and_no_difference():
    nothing = clustered_share(np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64))
    none = clustered_share(np.zeros(3, dtype=np.int64), np.array([5, 5, 5]))
    one = clustered_share(np.array([1, 0]), np.array([5, 0]))
    every = clustered_share(np.array([5, 5, 5]), np.array([5, 5, 5]))

    assert np.isnan(nothing.value)
    assert np.isnan(nothing.p_value)
    assert (none.value, none.p_value) == (0.0, 1.0)
    assert one.value == 0.2
    assert np.isnan(one.p_value)
    assert (every.value, every.p_value) == (1.0, 0.0)


def _counts(differing):
    counts = FeatureCounts()
    counts.differing = np.array([differing])
    return counts


def test_many_rows_in_many_clusters_are_significant_and_one_row_is_not():
    rng = np.random.default_rng(0)
    one = np.zeros(CLUSTERS, dtype=np.int64)
    one[3] = 1
    features = {"many": _counts(rng.poisson(5, CLUSTERS)), "one": _counts(one), "none": _counts(one * 0)}

    found = significant_features(features, np.full((1, CLUSTERS), 100), [("all", 0), ("a=never", 1)])

    assert found == {"many": ("all",)}
