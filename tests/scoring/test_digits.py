"""Digits that a column of scores holds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replay.scoring.digits import decimals_of, is_held, narrow_float, unit_roundoff

SCORES = np.random.default_rng(0).uniform(0.01, 0.99, 2_000)


@pytest.mark.parametrize("decimals", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_decimals_in_a_float_column(decimals, dtype):
    assert decimals_of(np.round(SCORES, decimals).astype(dtype).astype(np.float64)) == decimals


def test_full_precision_has_no_decimals():
    assert decimals_of(SCORES) is None
    assert decimals_of(SCORES.astype(np.float32).astype(np.float64)) is None


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_the_type_that_holds_them(name):
    held = torch.from_numpy(SCORES).to(getattr(torch, name)).double().numpy()

    assert narrow_float(held) == name
    # torch's eps is the distance of 1 and the next number: rounding is off by half of it.
    assert unit_roundoff(name) == torch.finfo(getattr(torch, name)).eps / 2
    assert not is_held(SCORES, 8)
    assert narrow_float(SCORES) is None
