from __future__ import annotations

import numpy as np

from tests.features.transforms.numbers import assert_same, transformed


def test_a_null_becomes_the_value_and_nan_stays() -> None:
    assert_same(transformed({"op": "fill", "value": 7}, [1.0, None, np.nan]), np.array([1.0, 7.0, np.nan]))


def test_later_steps_see_it() -> None:
    steps = ["log1p", {"op": "fill", "value": {"a": -2}}, {"op": "scale", "factor": 10}]
    assert_same(transformed(steps, [0.0, None]), np.array([0.0, -20.0]))


def test_a_bucket_of_its_own_for_a_null() -> None:
    steps = [{"op": "bucketize", "edges": [0, 1]}, {"op": "fill", "value": 3}]
    assert_same(transformed(steps, [-1.0, None, 5.0], dtype="int64"), np.array([0, 3, 2]))
