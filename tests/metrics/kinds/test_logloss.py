from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.metrics.kinds.logloss import LogLoss


def test_scores_of_exactly_0_and_1_are_clipped_and_counted():
    state = LogLoss().update(np.array([0.0, 1.0, 0.5]), np.array([1.0, 1.0, 1.0]))
    assert state.num_clipped == 2
    # -ln(1e-12) = 27.6310211; -ln(1 - 1e-12) = 1e-12; ln 2 = 0.6931472
    assert state.compute().value == pytest.approx((27.6310211159 + 0.69314718056) / 3, rel=1e-9)


def test_interval_is_that_of_a_mean_on_the_log_scale():
    label = np.tile([1.0, 1.0, 0.0, 1.0, 0.0], 3)
    losses = -np.log(np.tile([0.5, 0.25, 0.5, 0.75, 0.75], 3))
    found = LogLoss().update(np.tile([0.5, 0.25, 0.5, 0.75, 0.25], 3), label).compute()
    assert found.value == pytest.approx(losses.mean(), rel=1e-12)
    # Six negatives are fewer than nine positives: t of 12 degrees of freedom, on the log scale.
    half = stats.t.ppf(0.975, 12) * losses.std(ddof=1) / np.sqrt(15) / losses.mean()
    assert np.log([found.low / found.value, found.high / found.value]) == pytest.approx([-half, half], rel=1e-4)


def test_exact_scores_have_an_interval_of_nothing():
    label = np.tile([1.0, 0.0], 5)
    found = LogLoss().update(label, label).compute()
    assert (found.value, found.low) == (pytest.approx(0.0, abs=1e-11), pytest.approx(0.0, abs=1e-11))
