from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from replay.metrics.kinds.ndcg import ndcg
from replay.metrics.order import rank
from tests.metrics.groups import case, parts


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
