from __future__ import annotations

import math

import pytest
from scipy import stats

from replay.metrics.interval import log_wald, logit_wald, t_quantile, wald, wilson


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
    low, high = logit_wald(0.8, 0.0016)
    half = z * 0.04 / 0.16
    assert (math.log(low / (1 - low)), math.log(high / (1 - high))) == pytest.approx(
        (math.log(4) - half, math.log(4) + half)
    )


@pytest.mark.parametrize("interval", [wald, log_wald, logit_wald])
@pytest.mark.parametrize("variance", [math.nan, math.inf, -1.0])
def test_no_interval_from_an_unusable_variance(interval, variance):
    assert interval(0.5, variance) == (None, None)
