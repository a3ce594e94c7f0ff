"""A ratio of two sums, as it stands before a kind says more."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.metrics.ratio.function import RatioFunction
from replay.metrics.value import ClassCounts


def test_the_first_sum_over_the_second():
    sums = np.array([[6.0, 3.0], [1.0, 0.0]])
    assert RatioFunction.value(sums)[0] == 2.0
    assert np.isnan(RatioFunction.value(sums)[1])


def test_the_gradient_is_that_of_differences():
    sums, step = np.array([6.0, 3.0]), 1e-6
    expected = [(RatioFunction.value(sums + step * one) - RatioFunction.value(sums)) / step for one in np.eye(2)]
    assert RatioFunction.gradient(sums) == pytest.approx(expected, rel=1e-5)


def test_the_interval_is_students_and_ends_at_0():
    half = stats.t.ppf(0.975, 4) * 0.5
    assert RatioFunction.interval(2.0, 0.25, 4.0) == pytest.approx((2.0 - half, 2.0 + half), rel=2e-3)
    assert RatioFunction.interval(0.1, 0.25, 4.0)[0] == 0.0


def test_a_change_has_the_freedom_of_its_rarer_class_or_of_its_groups():
    by_rows = RatioFunction.change_interval(1.0, 1.0, ClassCounts(5.0, 50.0, 5.0))
    by_groups = RatioFunction.change_interval(1.0, 1.0, ClassCounts(50.0, 50.0, 50.0, 3.0))
    assert by_rows[1] == pytest.approx(1.0 + stats.t.ppf(0.975, 4), rel=2e-3)
    assert by_groups[1] == pytest.approx(1.0 + stats.t.ppf(0.975, 2))
