from __future__ import annotations

import numpy as np
import pytest

from replay.metrics.kinds.kendall_tau import kendall_tau
from replay.metrics.order import ORDER_METRICS, Groups, order_measures, rank
from tests.metrics.groups import case


def test_scores_that_float32_would_merge_keep_their_order():
    groups = Groups.of_sizes(np.array([3]))
    close = np.array([0.5, 0.5 + 1e-12, 0.5 + 2e-12])
    assert kendall_tau(rank(close, groups), rank(np.arange(3.0), groups), groups).tolist() == [1.0]


def test_infinities_and_zeros_of_both_signs_are_ranked():
    groups = Groups.of_sizes(np.array([5]))
    found = rank(np.array([-np.inf, 0.0, np.inf, -0.0, 1.0]), groups)
    assert found.above.tolist() == [4, 2, 0, 2, 1]
    assert found.tied.tolist() == [1, 2, 1, 2, 1]


def test_ranks_by_hand():
    groups = Groups.of_sizes(np.array([3, 1]))
    found = rank(np.array([0.1, 0.9, 0.9, 0.5]), groups)
    assert (found.above.tolist(), found.tied.tolist()) == ([2, 0, 0, 0], [1, 2, 2, 1])
    assert groups.sum(np.array([1, 2, 3, 4])).tolist() == [6, 4]


def test_measures_that_need_labels_come_last():
    names = [metric.name(k) for metric, k in order_measures((1, 5), labelled=True)]
    assert names == ["kendall_tau", "top_1_overlap", "top_5_overlap", "ndcg_1_change", "ndcg_5_change"]
    assert [metric.name(k) for metric, k in order_measures((1, 5), labelled=False)] == names[:3]


@pytest.mark.parametrize("metric", ORDER_METRICS.values(), ids=ORDER_METRICS)
def test_an_order_that_did_not_change_has_the_same_value_in_every_group(metric):
    groups, score, _, label = case(distinct=10**6)
    ranks = rank(score, groups)
    off = metric.off(ranks, ranks, groups, label, 2)
    assert np.isfinite(off).sum() > 20
    assert off[np.isfinite(off)] == pytest.approx(0.0, abs=1e-12)
    assert metric.span[0] <= metric.same <= metric.span[1]
