from __future__ import annotations

import numpy as np
import torch

from tests.features.transforms.numbers import NUMBERS, assert_same, transformed


def test_as_numpy_does_in_double_precision() -> None:
    with np.errstate(all="ignore"):
        assert_same(transformed("log"), np.log(NUMBERS))


def test_as_torch_does_to_the_rounding() -> None:
    expected = torch.log(torch.from_numpy(NUMBERS))
    torch.testing.assert_close(transformed("log"), expected, rtol=1e-15, atol=0, equal_nan=True)
