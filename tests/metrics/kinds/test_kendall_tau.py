from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.metrics.kinds.kendall_tau import kendall_tau
from replay.metrics.order import Groups, rank
from tests.metrics.groups import case, parts


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
