"""False discoveries and tails of distributions against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from replay.audit.false_discovery import discoveries, f_tail, gamma_tail, regularized_beta, two_sided


@pytest.mark.parametrize("seed", range(20))
def test_discoveries_are_scipys(seed):
    rng = np.random.default_rng(seed)
    p_values = np.concatenate((rng.random(30), rng.random(10) ** 8))

    assert (discoveries(p_values) == (stats.false_discovery_control(p_values) <= 0.05)).all()


def test_what_was_not_tested_is_not_found_and_does_not_count():
    assert discoveries(np.array([0.04, np.nan, np.nan, np.nan])).tolist() == [True, False, False, False]
    assert discoveries(np.array([])).tolist() == []
    assert discoveries(np.array([np.nan])).tolist() == [False]


@pytest.mark.parametrize("degrees", [1, 2, 10, 63, 1000])
@pytest.mark.parametrize("t", [0.0, 0.1, -2.0, 5.0, 30.0])
def test_students_t(t, degrees):
    assert two_sided(t, degrees) == pytest.approx(2 * stats.t.sf(abs(t), degrees), rel=1e-9)


@pytest.mark.parametrize(("above", "below"), [(1, 5), (29, 174), (31, math.inf), (3, math.inf), (5, 2)])
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, 2.5, 20.0])
def test_fishers_f(value, above, below):
    expected = stats.chi2.sf(value * above, above) if math.isinf(below) else stats.f.sf(value, above, below)

    assert f_tail(value, above, below) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_nan_gives_nan():
    assert math.isnan(two_sided(math.nan, 3))
    assert math.isnan(f_tail(math.nan, 3, 3))


@pytest.mark.parametrize("shape", [0.5, 1.0, 15.5, 200.0])
@pytest.mark.parametrize("value", [0.0, 0.2, 3.0, 16.0, 300.0])
def test_gamma_tail(shape, value):
    assert gamma_tail(shape, value) == pytest.approx(special.gammaincc(shape, value), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("x", [0.0, 1e-6, 0.3, 0.9, 1.0])
def test_regularized_beta(x):
    for a, b in ((0.5, 0.5), (2, 30), (87, 14.5)):
        assert regularized_beta(x, a, b) == pytest.approx(special.betainc(a, b, x), rel=1e-9)
