"""Percent and per mille."""

from __future__ import annotations

import pytest
import torch


@pytest.mark.parametrize("factor", [100, 1000])
def test_percent_and_per_mille(world, mended, factor):
    online = factor * torch.sigmoid(world.ctr(world.served()))
    fix = mended(world, world.rows(online, {"output": {"transform": "sigmoid"}}))

    assert fix.settings == {"model.output": {"transform": "sigmoid", "scale": factor}}
    assert fix.yaml.splitlines() == ["  # model.output", f"  output: {{transform: sigmoid, scale: {factor}}}"]


def test_percent_of_a_forgotten_sigmoid(world, mended):
    fix = mended(world, world.rows(100 * torch.sigmoid(world.ctr(world.served()))))

    assert fix.settings == {"model.output": {"transform": "sigmoid", "scale": 100}}
