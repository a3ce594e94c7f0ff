from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import ndcg_score

from replay.diff.ranking.rank_metrics import Groups, kendall_tau, ndcg, rank, top_k_overlap


def case(seed=0, groups=150, largest=25, distinct=6):
    """Groups of 1 to `largest` rows, with many ties where there are few distinct scores."""
    rng = np.random.default_rng(seed)
    found = Groups.of_sizes(rng.integers(1, largest + 1, groups))
    rows = found.of_row.size
    left = rng.integers(0, distinct, rows) / distinct
    right = np.where(rng.random(rows) < 0.5, left, rng.integers(0, distinct, rows) / distinct)
    return found, left, right, (rng.random(rows) < 0.3).astype(float)


def parts(groups, *columns):
    for start, end in zip(groups.offsets[:-1], groups.offsets[1:], strict=True):
        yield tuple(column[start:end] for column in columns)


@pytest.mark.parametrize("distinct", [2, 6, 10**6])
def test_tau_equals_scipy_in_every_group(distinct):
    groups, left, right, _ = case(distinct=distinct)
    found = kendall_tau(rank(left, groups), rank(right, groups), groups)
    expected = [stats.kendalltau(a, b).statistic if a.size > 1 else np.nan for a, b in parts(groups, left, right)]
    assert found == pytest.approx(np.array(expected), nan_ok=True, abs=1e-12)
    assert np.isfinite(found).sum() > 50


def test_tau_of_one_large_group_among_small_ones():
    rng = np.random.default_rng(1)
    groups = Groups.of_sizes(np.array([3, 5000, 2]))
    left = np.round(rng.random(5005), 3)
    right = np.round(left + rng.random(5005), 3)
    found = kendall_tau(rank(left, groups), rank(right, groups), groups)
    expected = [stats.kendalltau(a, b).statistic for a, b in parts(groups, left, right)]
    assert found == pytest.approx(np.array(expected), nan_ok=True, abs=1e-12)


def test_scores_that_float32_would_merge_keep_their_order():
    groups = Groups.of_sizes(np.array([3]))
    close = np.array([0.5, 0.5 + 1e-12, 0.5 + 2e-12])
    assert kendall_tau(rank(close, groups), rank(np.arange(3.0), groups), groups).tolist() == [1.0]


def test_infinities_and_zeros_of_both_signs_are_ranked():
    groups = Groups.of_sizes(np.array([5]))
    found = rank(np.array([-np.inf, 0.0, np.inf, -0.0, 1.0]), groups)
    assert found.above.tolist() == [4, 2, 0, 2, 1]
    assert found.tied.tolist() == [1, 2, 1, 2, 1]


@pytest.mark.parametrize("k", [1, 5, 10])
def test_ndcg_equals_scikit_learn_in_every_group(k):
    groups, score, _, label = case(seed=2)
    found = ndcg(rank(score, groups), label, groups, k)
    checked = 0
    for value, (one, labels) in zip(found, parts(groups, score, label), strict=True):
        if not labels.any():
            assert np.isnan(value)
        elif labels.size > 1:
            assert value == pytest.approx(ndcg_score([labels], [one], k=k), abs=1e-12)
            checked += 1
    assert checked > 80


def overlap_by_draws(left, right, k, draws=4000):
    """Ties of the left score broken at random, again and again."""
    rng = np.random.default_rng(3)
    top = set(np.argsort(-right, kind="stable")[:k].tolist())
    hits = [len(top & set(np.lexsort((rng.random(left.size), -left))[:k].tolist())) for _ in range(draws)]
    return np.mean(hits) / k


@pytest.mark.parametrize("k", [1, 3, 5])
def test_overlap_without_ties_is_that_of_the_sets(k):
    groups, left, right, _ = case(distinct=10**9)
    found = top_k_overlap(rank(left, groups), rank(right, groups), groups, k)
    for value, (a, b) in zip(found, parts(groups, left, right), strict=True):
        if a.size <= k:
            assert np.isnan(value)
        else:
            expected = len(set(np.argsort(-a)[:k].tolist()) & set(np.argsort(-b)[:k].tolist())) / k
            assert value == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_overlap_with_ties_on_one_side_is_the_expected_one(k):
    left = np.array([0.5, 0.5, 0.5, 0.9, 0.1, 0.5])
    right = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    groups = Groups.of_sizes(np.array([6]))
    found = top_k_overlap(rank(left, groups), rank(right, groups), groups, k)
    assert found[0] == pytest.approx(overlap_by_draws(left, right, k), abs=0.03)


def test_a_score_overlaps_itself_by_1_ties_or_not():
    groups, left, _, _ = case(distinct=3)
    found = top_k_overlap(rank(left, groups), rank(left, groups), groups, 5)
    assert set(found[groups.sizes > 5].tolist()) == {1.0}
