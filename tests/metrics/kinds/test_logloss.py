from __future__ import annotations

import numpy as np
import pytest

from replay.metrics.kinds.logloss import LogLoss


def test_scores_of_exactly_0_and_1_are_clipped_and_counted():
    state = LogLoss().update(np.array([0.0, 1.0, 0.5]), np.array([1.0, 1.0, 1.0]))
    assert state.num_clipped == 2
    # -ln(1e-12) = 27.6310211; -ln(1 - 1e-12) = 1e-12; ln 2 = 0.6931472
    assert state.compute().value == pytest.approx((27.6310211159 + 0.69314718056) / 3, rel=1e-9)


def test_interval_is_that_of_a_mean():
    label = np.array([1.0, 1.0, 0.0, 1.0, 0.0])
    losses = -np.log(np.array([0.5, 0.25, 0.5, 0.75, 0.75]))
    found = LogLoss().update(np.array([0.5, 0.25, 0.5, 0.75, 0.25]), label).compute()
    assert found.value == pytest.approx(losses.mean(), rel=1e-12)
    assert found.high - found.value == pytest.approx(1.959963985 * losses.std(ddof=1) / np.sqrt(5), rel=1e-8)
