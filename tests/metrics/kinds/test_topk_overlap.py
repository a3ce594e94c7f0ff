from __future__ import annotations

import numpy as np
import pytest

from replay.metrics.kinds.topk_overlap import top_k_overlap
from replay.metrics.order import Groups, rank
from tests.metrics.groups import case, parts


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
