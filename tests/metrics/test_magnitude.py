from __future__ import annotations

import pickle

import numpy as np
import pytest

from replay.metrics.magnitude import RELATIVE_ACCURACY, DeltaHistogram


@pytest.mark.parametrize("share", [0.001, 0.5, 0.9, 0.99, 1.0])
def test_quantiles_are_relatively_accurate_over_many_magnitudes(share):
    values = 10 ** np.random.default_rng(0).uniform(-12, 6, 10_001)
    histogram = DeltaHistogram()
    histogram.add(values[:4000])
    rest = DeltaHistogram()
    rest.add(values[4000:])
    histogram.merge(rest)
    exact = np.quantile(values, share, method="inverted_cdf")
    assert histogram.size_quantile(share) == pytest.approx(exact, rel=RELATIVE_ACCURACY)


def test_zeros_are_exact_and_tiny_numbers_are_not_zero():
    histogram = DeltaHistogram()
    histogram.add(np.array([0.0, 0.0, 1e-300]))
    assert histogram.size_quantile(0.5) == 0.0
    assert 0 < histogram.size_quantile(1.0) < 1e-38


def test_beyond_float32_counts_as_its_largest():
    histogram = DeltaHistogram()
    histogram.add(np.array([1e300]))
    assert histogram.size_quantile(0.5) == pytest.approx(3.4e38, rel=0.01)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3, 0.5, 0.7, 0.99, 1.0])
def test_signed_quantiles_are_relatively_accurate_on_both_sides(share):
    rng = np.random.default_rng(1)
    values = rng.choice([-1, 0, 1], 10_001) * 10 ** rng.uniform(-12, 6, 10_001)
    found, rest = DeltaHistogram(), DeltaHistogram()
    found.add(values[:4000])
    rest.add(values[4000:])
    found.merge(pickle.loads(pickle.dumps(rest)))
    assert found.quantile(share) == pytest.approx(
        np.quantile(values, share, method="inverted_cdf"), rel=RELATIVE_ACCURACY
    )
    assert found.size_quantile(share) == pytest.approx(
        np.quantile(np.abs(values), share, method="inverted_cdf"), rel=RELATIVE_ACCURACY
    )


def test_a_tiny_difference_keeps_its_sign_and_a_negative_zero_has_none():
    found = DeltaHistogram()
    found.add(np.array([-1e-300, -0.0, 1e-300]))
    assert -1e-38 < found.quantile(0.3) < 0
    assert found.quantile(0.6) == 0.0
    assert 0 < found.quantile(1.0) < 1e-38


def test_no_difference_has_no_quantile():
    assert DeltaHistogram().quantile(0.5) is None
    assert DeltaHistogram().size_quantile(0.5) is None
