"""Nothing is said where the contract is right, where something happened, and where nothing explains."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replay.checkpoints import FunctionScorer
from replay.rehearsal import RehearsedRows
from replay.rehearsal.fixes.find import find_fixes
from tests.rehearsal.fixes.worlds import NAMES, World

SIGMOID = {"output": {"transform": "sigmoid"}}
SEEDS = range(2)


def online_of(world, seed, what):
    """What online answers where the contract is right and something else is wrong."""
    rng = np.random.default_rng(seed)
    logits = world.ctr(world.served())
    dense = np.stack([world.filled(name) for name in NAMES], axis=1)
    noise = torch.from_numpy(rng.normal(0.0, 0.3, len(logits)))
    null, some = dense.copy(), dense.copy()
    null[:, :2] = 0.0
    some[rng.random(len(logits)) < 0.3, :3] = 0.0
    return {
        "nothing": lambda: torch.sigmoid(logits),
        "arithmetic": lambda: torch.sigmoid(logits * (1 + 1e-7 * noise)),
        "noise": lambda: torch.sigmoid(logits + noise),
        "a family null": lambda: torch.sigmoid(world.ctr(world.served(null))),
        "a family null in some rows": lambda: torch.sigmoid(world.ctr(world.served(some))),
        "another calibration": lambda: torch.sigmoid(0.9 * logits + 0.1),
        "another unit": lambda: torch.sigmoid(world.ctr(world.served(dense * np.array([1, 1, 1.1, 1, 1, 1])))),
        "another request": lambda: torch.sigmoid(logits).roll(3),
        "chance": lambda: torch.from_numpy(rng.random(len(logits))),
        "one score for all": lambda: torch.full((len(logits),), 0.5),
        "labels": lambda: (torch.sigmoid(logits).numpy() > rng.random(len(logits))).astype(np.float32),
        "rounded noise": lambda: torch.round(torch.sigmoid(logits + noise), decimals=2),
    }[what]()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "what",
    [
        "nothing",
        "arithmetic",
        "noise",
        "a family null",
        "a family null in some rows",
        "another calibration",
        "another unit",
        "another request",
        "chance",
        "one score for all",
        "labels",
        "rounded noise",
    ],
)
def test_silence(tmp_path, seed, what):
    world = World(seed + 10, tmp_path, {"price": 0.1, "age": 0.2}, num_rows=400)

    assert find_fixes(world.rows(online_of(world, seed, what), SIGMOID)) == ()


def test_another_checkpoint_that_answered_is_no_matter_of_the_contract(world):
    """Its answer is the first one's at twice the size, so that a link comes close."""
    online = torch.sigmoid(2 * world.ctr(world.served()))
    rows = world.rows(online, {"output": {"transform": "none"}})
    other = FunctionScorer(lambda tensors: torch.sigmoid(2 * world.ctr(tensors)))
    both = RehearsedRows(rows.config, rows.batch, {**rows.scorers, "other": other}, rows.blocks, rows.of_blocks)

    assert find_fixes(both) == ()


def test_a_checkpoint_that_cannot_be_opened_is_no_reason_to_fail(world):
    rows = world.rows(torch.sigmoid(world.ctr(world.served())))

    assert find_fixes(RehearsedRows(rows.config, rows.batch, {}, rows.blocks, rows.of_blocks)) == ()


def test_few_rows_say_nothing(tmp_path):
    world = World(3, tmp_path, num_rows=15)

    assert find_fixes(world.rows(torch.sigmoid(world.ctr(world.served())))) == ()


def test_without_an_online_score_there_is_nothing_to_find(world):
    assert find_fixes(world.rows(torch.full((1500,), torch.nan))) == ()


def test_the_rest_may_have_another_reason(world, mended):
    """A fifth of the rows was answered from other features: with the sigmoid the others agree, and that is said."""
    served = world.served()
    served["dense"][::5] = 0.0
    (fix,) = find_fixes(world.rows(torch.sigmoid(world.ctr(served))))

    assert fix.settings == {"model.output": {"transform": "sigmoid"}}
    assert fix.agree == 1200


def test_what_explains_as_much_is_named(world):
    """The second head is the negative of the first, so that its sigmoid is 1 - p."""

    def heads(tensors):
        ctr = world.ctr(tensors)
        return torch.stack([ctr, -ctr], dim=1)

    online = torch.sigmoid(-world.ctr(world.served()))
    (fix,) = find_fixes(world.rows(online, {"output": {"select": 0, "transform": "sigmoid"}}, heads))

    assert fix.settings == {"model.output": {"select": 1, "transform": "sigmoid"}}
    assert fix.equivalent == ("`transform: [sigmoid, complement]`",)
    assert fix.words.endswith("; with `transform: [sigmoid, complement]` as many do")
