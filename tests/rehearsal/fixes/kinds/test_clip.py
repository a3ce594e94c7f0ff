"""Scores kept within a range."""

from __future__ import annotations

import numpy as np
import pytest
import torch

SIGMOID = {"output": {"transform": "sigmoid"}}


@pytest.mark.parametrize("bounds", [{"min": 0.3}, {"max": 0.8}, {"min": 0.3, "max": 0.8}], ids=str)
def test_bounds_are_read_off_the_scores(world, mended, bounds):
    scores = torch.sigmoid(world.ctr(world.served()))
    beyond = sum(
        int((sign * scores < sign * bound).sum())
        for sign, bound in ((1 if name == "min" else -1, bound) for name, bound in bounds.items())
    )
    online = scores.clamp(bounds.get("min"), bounds.get("max"))
    fix = mended(world, world.rows(online, SIGMOID))

    assert fix.settings == {"model.output": {"transform": "sigmoid", "clip": bounds}}
    assert (fix.rows, fix.agree, fix.agree_before) == (beyond, beyond, 0)


def test_a_floor_and_a_forgotten_sigmoid(world, mended):
    fix = mended(world, world.rows(torch.sigmoid(world.ctr(world.served())).clamp(min=0.4)))

    assert fix.settings == {"model.output": {"transform": "sigmoid", "clip": {"min": 0.4}}}


def test_a_double_is_written_as_it_is(world, mended):
    scores = torch.sigmoid(world.ctr(world.served())).double().numpy()
    low = float(np.quantile(scores, 0.1))
    fix = mended(world, world.rows(np.maximum(scores, low), SIGMOID))

    assert fix.settings["model.output"]["clip"] == {"min": low}
