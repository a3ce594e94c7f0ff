"""A number is found from scores alone."""

from __future__ import annotations

import numpy as np
import pytest

from replay.metrics.fitted_number import fit_number, rounded

SLOPES = np.array([0.5, -1.0, 2.0, 0.1])


def test_the_number_that_all_rows_have_in_common():
    online = np.tanh(SLOPES * 0.7315)
    found = fit_number(lambda points: np.tanh(points[:, None] * SLOPES), online, np.linspace(-3.0, 3.0, 13))

    assert found == pytest.approx(0.7315, rel=1e-8)


def test_scores_that_never_pass_give_nothing():
    assert fit_number(lambda points: np.zeros((len(points), 4)), np.ones(4), np.linspace(0.0, 1.0, 5)) is None


def test_rounded_takes_a_digit_more_each_time():
    assert rounded(1234.5, 4) == [1000.0, 1200.0, 1230.0, 1234.0]
