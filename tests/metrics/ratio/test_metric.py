"""The state of a ratio metric: what is added row by row is what numpy sums."""

from __future__ import annotations

import numpy as np
import pytest

from replay.metrics.kinds.logloss import LogLoss
from replay.metrics.ratio.metric import ratio_metrics
from tests.metrics.cases import CASES

SCORE, LABEL, WEIGHT = CASES["weights"]


def test_the_packages_ratio_metrics():
    assert list(ratio_metrics()) == ["ne", "logloss", "calibration"]


def test_rows_add_up_in_any_shards():
    state = LogLoss().update(SCORE, LABEL, WEIGHT)
    shards = [
        LogLoss().update(SCORE[part], LABEL[part], WEIGHT[part]) for part in np.array_split(np.arange(len(SCORE)), 3)
    ]
    merged = shards[0].merge(shards[1]).merge(shards[2])

    assert state.sums[:3] == pytest.approx([WEIGHT.sum(), (WEIGHT * LABEL).sum(), (WEIGHT * SCORE).sum()])
    assert merged.sums == pytest.approx(state.sums)
    assert merged.moments == pytest.approx(state.moments)
    assert merged.compute().value == pytest.approx(
        np.average(-np.log(np.where(LABEL > 0, SCORE, 1 - SCORE)), weights=WEIGHT)
    )


def test_clipped_scores_and_those_that_are_no_probability_are_counted():
    state = LogLoss().update(np.array([0.0, 0.5, 1.0, 1.5]), np.array([0.0, 1.0, 1.0, 0.0]))
    assert (state.num_clipped, state.num_outside) == (3, 1)
