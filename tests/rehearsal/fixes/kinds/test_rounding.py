"""Logged scores with fewer digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

SIGMOID = {"output": {"transform": "sigmoid"}}


@pytest.mark.parametrize(("decimals", "half"), [(2, 0.0051), (3, 0.00051), (4, 5.1e-05)])
def test_half_a_step_of_the_last_decimal(world, mended, decimals, half):
    """Half a step, the default of 1e-6 on top, and of these two digits, rounded up."""
    online = np.round(torch.sigmoid(world.ctr(world.served())).double().numpy(), decimals)
    fix = mended(world, world.rows(online, SIGMOID))

    assert fix.settings == {"diff": {"tolerance": {"abs": half, "rel": 1e-05}}}
    assert f"(online has {decimals} decimals)" in fix.words
    assert fix.yaml.splitlines()[0] == "# diff"


@pytest.mark.parametrize(("dtype", "rel"), [(torch.float16, 0.0005), (torch.bfloat16, 0.004)], ids=str)
def test_half_precision(world, mended, dtype, rel):
    """The unit roundoff of 11 and of 8 bits is 0.00049 and 0.0039."""
    online = torch.sigmoid(world.ctr(world.served())).to(dtype).float()
    fix = mended(world, world.rows(online, SIGMOID))

    assert fix.settings == {"diff": {"tolerance": {"abs": 1e-06, "rel": rel}}}
    assert f"stored as {dtype}".replace("torch.", "") in fix.words


def test_rounded_and_a_forgotten_sigmoid(world, mended):
    online = np.round(torch.sigmoid(world.ctr(world.served())).double().numpy(), 4)
    fix = mended(world, world.rows(online))

    assert fix.settings == {
        "model.output": {"transform": "sigmoid"},
        "diff": {"tolerance": {"abs": 5.1e-05, "rel": 1e-05}},
    }


def test_other_keys_of_diff_stay(world, mended):
    online = np.round(torch.sigmoid(world.ctr(world.served())).double().numpy(), 3)
    fix = mended(world, world.rows(online, SIGMOID, diff={"bucket": "1h"}))

    assert fix.settings["diff"] == {"bucket": "1h", "tolerance": {"abs": 0.00051, "rel": 1e-05}}


def test_the_last_bits_of_saturated_probabilities_widen_the_tolerance_of_a_logit(world, mended):
    logits = 2 * world.ctr(world.served()) + 2

    def forward(tensors):
        return torch.sigmoid(2 * world.ctr(tensors) + 2)

    fix = mended(world, world.rows(logits, forward=forward))

    assert fix.settings["model.output"] == {"transform": "logit"}
    assert 1e-6 < fix.settings["diff"]["tolerance"]["abs"] <= 1e-2
