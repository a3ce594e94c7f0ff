from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from replay.config.sections.model.input import Input
from tests.features.transforms.numbers import NUMBERS, assert_same, transformed


@pytest.mark.parametrize(("low", "high"), [(0, 10), (None, 2.5), (-1, None)])
def test_as_torch_clamps(low: float | None, high: float | None) -> None:
    given = {key: value for key, value in (("min", low), ("max", high)) if value is not None}
    assert_same(transformed({"op": "clip", **given}), torch.clamp(torch.from_numpy(NUMBERS), low, high))


def test_bounds_by_feature() -> None:
    assert_same(transformed({"op": "clip", "max": {"a": 1, "*": 0}}, [0.5, 2.0]), np.array([0.5, 1.0]))


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(ValidationError, match="min 3 is above max 1"):
        Input(name="x", feature="a", transform={"op": "clip", "min": 3, "max": 1})
