"""Families, features and sets of them that were not served."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.significance import measure
from tests.diagnosis.linear import counterfactual, score, small_columns, step_of
from tests.diagnosis.worlds import FAMILIES, diagnose, null_columns

COLUMNS = small_columns()
ROWS = np.arange(len(COLUMNS["a"]))
KIND = KINDS["null_features"]


def replay_without(*names):
    """Online scored 0, the model's value for null, in place of some features."""
    served = {name: 0 * column if name in names else column for name, column in COLUMNS.items()}
    return counterfactual(COLUMNS, score(served), families={"pair": ("a", "b")})


def test_families_everything_and_single_features_are_proposed():
    replay = replay_without("a", "b")
    proposals = list(KIND.propose(replay, ROWS))

    assert [describe(one) for one in proposals] == [
        "family pair null",
        "family pair, c null",
        "a null",
        "b null",
        "c null",
    ]
    assert [verdict.count for verdict in measure(replay, proposals, ROWS)] == [40, 0, 0, 0, 0]


def test_a_set_that_is_no_family_is_found():
    replay = replay_without("a", "c")
    screened = measure(replay, list(KIND.propose(replay, ROWS)), ROWS)
    assert max(verdict.count for verdict in screened) == 0
    best = max(KIND.refine(replay, screened, ROWS, ROWS), key=lambda verdict: verdict.count)

    assert (best.hypothesis.features, best.count) == (("a", "c"), 40)


def test_the_command_says_families_and_features_by_name():
    replay = replay_without("a")
    named = [step_of(one) for one in KIND.propose(replay, ROWS)]

    assert named[:3] == [
        {"op": "nulls", "families": ["pair"]},
        {"op": "nulls", "families": ["pair"], "features": ["c"]},
        {"op": "nulls", "features": ["a"]},
    ]


def test_words():
    words = KIND.words(Cause("null_features", 1.0, 40))

    assert (words.short, words.as_if) == ("{names} null", "as if {names} had been null")


@pytest.mark.parametrize("family", ["counts", "item"])
def test_a_null_family(world, family):
    found = diagnose(world, world.score(null_columns(world.columns, FAMILIES[family])))

    cause = found.causes[0]
    assert (cause.kind, cause.families, cause.features) == ("null_features", (family,), None)
    assert cause.explained_rate == 1.0
    assert cause.share == 1.0
    assert cause.explained_low > 0.98
    assert len(found.causes) == 1


def test_features_of_several_families_null_at_once(world):
    found = diagnose(world, world.score(null_columns(world.columns, ("count_1", "item_2", "item_shop"))))

    assert found.causes[0].features == ("count_1", "item_2", "item_shop")
    assert found.causes[0].families is None


def test_two_families_null_at_once(world):
    changed = world.score(null_columns(world.columns, (*FAMILIES["user"], *FAMILIES["context"])))

    assert set(diagnose(world, changed).causes[0].families) == {"user", "context"}
