from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from replay.metrics.kinds.ne import NormalizedEntropy
from replay.metrics.value import ONE_CLASS


def test_a_model_that_predicts_the_base_rate_has_1():
    label = np.array([1.0, 0.0, 0.0, 0.0])
    assert NormalizedEntropy().update(np.full(4, 0.25), label).compute().value == pytest.approx(1.0, rel=1e-12)


def test_gradient_is_the_slope_of_the_value():
    sums = np.array([10.0, 3.0, 5.5])
    expected = approx_fprime(sums, lambda at: float(NormalizedEntropy.value(at)), 1e-7)
    assert NormalizedEntropy.gradient(sums) == pytest.approx(expected, rel=1e-5)
    both = np.stack((sums, 2 * sums))  # of many slices at once; scaled sums have the same value
    assert NormalizedEntropy.value(both) == pytest.approx(np.full(2, NormalizedEntropy.value(sums)), rel=1e-12)
    assert NormalizedEntropy.gradient(both)[1] == pytest.approx(expected / 2, rel=1e-5)


def test_one_class_with_weights_that_do_not_add_up_exactly():
    # 0.1 + 0.2 + 0.3 is not 0.6 in binary: one class must not turn into a tiny entropy.
    weight = np.array([0.1, 0.2, 0.3])
    found = NormalizedEntropy().update(np.full(3, 0.5), np.ones(3), weight)
    found.merge(NormalizedEntropy().update(np.full(3, 0.5), np.ones(3), weight[::-1]))
    assert found.compute().reason == ONE_CLASS
