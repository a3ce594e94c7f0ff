from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from replay.metrics.interval import log_wald, satterthwaite, t_quantile, wald, wilson


@pytest.mark.parametrize(
    ("degrees", "rel"), [(1, 1e-9), (2, 1e-9), (3, 0.01), (4, 2e-3), (10, 1e-4), (63, 1e-7), (1023, 1e-9)]
)
def test_t_quantile(degrees, rel):
    assert t_quantile(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=rel)


def test_t_quantile_of_infinity_is_the_normal():
    assert t_quantile(math.inf) == pytest.approx(1.959963984540054)


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (0, 50), (3, 50), (50, 50), (123, 100_000)])
def test_wilson(successes, trials):
    expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_with_a_design_effect_is_a_smaller_sample():
    assert wilson(40, 400, design_effect=4) == pytest.approx(wilson(10, 100))
    assert wilson(40, 400, design_effect=0.5) == wilson(40, 400)
    assert wilson(0, 0) == (None, None)


def test_transformed_intervals():
    z = 1.959963984540054
    assert wald(0.1, 0.01, floor=0.0) == pytest.approx((0.0, 0.1 + z * 0.1))
    assert log_wald(2.0, 0.04) == pytest.approx((2 * math.exp(-z * 0.1), 2 * math.exp(z * 0.1)))


def test_degrees_of_two_variances_are_those_of_welchs_test():
    rng = np.random.default_rng(1)
    left, right = rng.normal(size=7), rng.normal(size=30) * 3
    found = satterthwaite((left.var(ddof=1) / 7, right.var(ddof=1) / 30), (7.0, 30.0))
    assert found == pytest.approx(stats.ttest_ind(left, right, equal_var=False).df)
    assert satterthwaite((0.0, 0.0), (7.0, 30.0)) == 6


def test_wilson_with_few_degrees_of_freedom_is_a_smaller_sample_still():
    counted = 100 * (1.959963984540054 / stats.t.ppf(0.975, 9)) ** 2
    assert wilson(40, 400, design_effect=4, degrees=9) == pytest.approx(wilson(counted / 10, counted), rel=1e-4)


@pytest.mark.parametrize("interval", [wald, log_wald])
@pytest.mark.parametrize("variance", [math.nan, math.inf, -1.0])
def test_no_interval_from_an_unusable_variance(interval, variance):
    assert interval(0.5, variance) == (None, None)
