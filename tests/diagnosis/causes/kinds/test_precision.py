"""The baseline cast to a smaller type."""

from __future__ import annotations

import numpy as np
import pytest

from replay.checkpoints import FunctionScorer
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.significance import measure
from tests.diagnosis.linear import counterfactual, linear, score, settings, small_columns
from tests.diagnosis.worlds import diagnose, score_columns

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
