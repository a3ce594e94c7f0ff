from __future__ import annotations

from tests.features.transforms.numbers import NUMBERS, assert_same, transformed


def test_a_product() -> None:
    assert_same(transformed({"op": "scale", "factor": 0.001}), NUMBERS * 0.001)
