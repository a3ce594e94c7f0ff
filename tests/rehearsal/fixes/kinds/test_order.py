"""Columns of a stack in another order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.rehearsal.fixes.worlds import NAMES


def served_in(world, names):
    """What online answers where the model gets the columns in this order."""
    return world.ctr(world.served(np.stack([world.filled(name) for name in names], axis=1)))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["clicks", "views", "age", "price", "match", "rank"], "`price` and `age` swapped in `dense`"),
        (sorted(NAMES), "the columns of `dense` in alphabetical order"),
        (NAMES[::-1], "the columns of `dense` in reverse order"),
        (["clicks", "views", "rank", "price", "age", "match"], "the columns of `dense` with integers before floats"),
        (["match", "clicks", "views", "price", "age", "rank"], "`match` first in `dense`"),
    ],
    ids=["swap", "alphabet", "reverse", "integers first", "moved"],
)
def test_orders(world, mended, names, words):
    fix = mended(world, world.rows(served_in(world, names)))

    assert fix.settings["model.inputs[0]"]["features"] == list(names)
    assert fix.changes == (words,)


def test_the_order_of_the_table(world, mended):
    inputs = [{"name": "dense", "features": [*NAMES[3:], *NAMES[:3]], "missing": 0.0}, *world.config().model.inputs[1:]]
    fix = mended(world, world.rows(served_in(world, NAMES), {"inputs": inputs}))

    assert fix.changes == ("the columns of `dense` in the order of the table",)


@pytest.mark.parametrize("decimals", [None, 4])
def test_a_swap_is_seen_behind_a_forgotten_sigmoid(world, mended, decimals):
    names = ["views", "clicks", *NAMES[2:]]
    online = torch.sigmoid(served_in(world, names)).double().numpy()
    fix = mended(world, world.rows(online if decimals is None else np.round(online, decimals)))

    assert fix.settings["model.inputs[0]"]["features"] == names
    assert fix.settings["model.output"] == {"transform": "sigmoid"}
    assert ("diff" in fix.settings) == (decimals is not None)


def test_two_swaps(world, mended):
    names = ["views", "clicks", "age", "price", "match", "rank"]
    fix = mended(world, world.rows(served_in(world, names)))

    assert fix.settings["model.inputs[0]"]["features"] == names
