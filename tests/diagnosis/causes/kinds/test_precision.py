"""The baseline cast to a smaller type."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replay.checkpoints import FunctionScorer
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.significance import measure
from tests.diagnosis.linear import counterfactual, linear, score, settings, small_columns
from tests.diagnosis.worlds import COUNTS, MODULES, TwoTowers, diagnose, null_columns, score_columns

COLUMNS = small_columns()
ROWS = np.arange(len(COLUMNS["a"]))
KIND = KINDS["precision"]
CASTS = {"float16": linear(1.01, 2, 4), "bfloat16": linear(1.1, 2, 4), "int8": linear(1, 2, 4.5)}
"""What a recipe's weights are after the cast; any others would do."""


def replay_cast():
    return counterfactual(
        COLUMNS,
        score(COLUMNS, (1.1, 2, 4)),
        open_recipe=lambda recipe: FunctionScorer(CASTS[recipe.cast], fingerprint=recipe.cast),
    )


def test_every_smaller_type_is_proposed():
    replay = replay_cast()
    proposals = list(KIND.propose(replay, ROWS))

    assert [describe(one) for one in proposals] == [f"prod cast to {dtype}" for dtype in CASTS]
    assert [verdict.count for verdict in measure(replay, proposals, ROWS)] == [0, 40, 0]
    assert KIND.fields(proposals[1]) == {"parameters": {"dtype": "bfloat16"}}


def test_without_files_to_make_it_from_nothing_is_proposed():
    assert list(KIND.propose(counterfactual(COLUMNS, score(COLUMNS) + 1), ROWS)) == []


def test_the_command_makes_the_checkpoint():
    proposal = next(iter(KIND.propose(replay_cast(), ROWS)))

    assert settings(proposal) == {
        "variant": "verify",
        "checkpoint": "verify",
        "checkpoints": {"verify": {"from": "prod", "cast": "float16"}},
    }


def test_words():
    assert KIND.words(Cause("precision", 1.0, 40)).short == "{checkpoint} cast to {dtype}"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8"])
def test_a_cast_of_the_baseline(world, dtype):
    cause = diagnose(world, score_columns(world.casted("prod", dtype), world.columns)).causes[0]

    assert (cause.kind, cause.parameters["dtype"]) == ("precision", dtype)


def planted(world, dtype, *modules):
    """Some modules of the baseline cast by hand."""
    module = TwoTowers(0)
    module.load_state_dict(world.models["prod"].state_dict())
    with torch.no_grad():
        for parameter in (one for name in modules for one in module.get_submodule(name).parameters()):
            step = parameter.abs().max() / 127
            narrow = torch.round(parameter / step) * step if dtype == "int8" else parameter.to(getattr(torch, dtype))
            parameter.copy_(narrow.float())
    return score_columns(module, world.columns)


@pytest.mark.parametrize(
    ("dtype", "modules"),
    [
        ("int8", ("query_ids", "item_ids")),
        ("int8", ("item_tower",)),
        ("bfloat16", ("query_tower", "final")),
    ],
    ids=["embeddings", "a tower", "two modules"],
)
def test_a_cast_of_some_modules(world, dtype, modules):
    cause = diagnose(world, planted(world, dtype, *modules), budget=1_000_000).causes[0]
    globs = tuple(f"{name}.*" for name in MODULES if name in modules)

    assert (cause.kind, cause.explained_rate) == ("precision", 1.0)
    assert cause.parameters["params"] == ", ".join(globs)
    assert settings(cause.hypothesis)["checkpoints"] == {
        "verify": {"from": "prod", "params": list(globs), "cast": dtype}
    }


def test_a_cast_of_some_modules_on_some_rows(world):
    cause = diagnose(world, planted(world, "int8", "item_ids"), world.some(0.3), budget=1_000_000).causes[0]

    assert (cause.kind, cause.parameters["params"]) == ("precision", "item_ids.*")


def test_parts_of_a_whole_cast_are_not_looked_for(world):
    lab = world.counterfactual(world.online_if(score_columns(world.casted("prod", "int8"), world.columns), world.bad))
    rows = lab.bad[:100]
    screened = measure(lab, list(KIND.propose(lab, rows)), rows)

    assert list(KIND.refine(lab, screened, rows, lab.bad)) == []


def test_another_module_of_a_checkpoint_that_nobody_listed_stays_unexplained(world):
    """Off by about as much as a cast, but otherwise."""
    other = TwoTowers(0)
    other.load_state_dict(world.models["prod"].state_dict())
    with torch.no_grad():
        for parameter in other.item_tower.parameters():
            parameter += 0.004 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    found = diagnose(world, score_columns(other, world.columns), budget=1_000_000)

    assert not any(one.kind == "precision" for one in found.causes)


def test_opened_modules_are_few_where_scores_are_far_off(world):
    """A null family moves scores by more than any cast, and not the same way: no part of the model is opened."""
    opened = []

    def counted(recipe):
        opened.append(recipe)
        return world.open_recipe(recipe)

    columns = null_columns(world.columns, COUNTS)
    lab = world.counterfactual(world.online_if(world.score(columns), world.bad), open_recipe=counted)
    rows = lab.bad[:100]
    screened = measure(lab, list(KIND.propose(lab, rows)), rows)

    assert list(KIND.refine(lab, screened, rows, lab.bad)) == []
    assert len(opened) == 3
