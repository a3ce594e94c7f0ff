"""Logarithms of counts."""

from __future__ import annotations

import numpy as np
import torch

from tests.rehearsal.fixes.worlds import INPUTS, NAMES


def served_with(world, *logged):
    stack = [np.log1p(world.filled(name)) if name in logged else world.filled(name) for name in NAMES]
    return world.ctr(world.served(np.stack(stack, axis=1)))


def test_of_some_features(world, mended):
    fix = mended(world, world.rows(served_with(world, "clicks", "views", "price")))

    assert fix.settings["model.inputs[0]"]["transform"] == {"clicks": "log1p", "views": "log1p", "price": "log1p"}


def test_of_one_behind_a_forgotten_sigmoid(world, mended):
    fix = mended(world, world.rows(torch.sigmoid(served_with(world, "views"))))

    assert fix.settings["model.inputs[0]"]["transform"] == {"views": "log1p"}
    assert fix.settings["model.output"] == {"transform": "sigmoid"}


def test_taken_twice(world, mended):
    inputs = [{**INPUTS[0], "transform": {"clicks": "log1p", "price": "log1p"}}, *INPUTS[1:]]
    fix = mended(world, world.rows(served_with(world), {"inputs": inputs}))

    assert fix.changes == ("no `log1p` in the transform of `dense`",)
