"""Sets of features: grown, fitted, and trimmed."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.causes.significance import measure
from replay.diagnosis.causes.subset_search import additive_start, improve, trim
from tests.diagnosis.linear import counterfactual, score, small_columns

COLUMNS = small_columns()
ROWS = np.arange(len(COLUMNS["a"]))
SINGLES = [("a",), ("b",), ("c",)]


def replay_without(*names, **given):
    """Online scored 0, the model's value for null, in place of some features."""
    served = {name: 0 * column if name in names else column for name, column in COLUMNS.items()}
    return counterfactual(COLUMNS, score(served), **given)


def nulls(replay):
    return lambda names: replay.perturbed("null_features", names, "nulls")


@pytest.mark.parametrize("start", [("c",), ("a",), ("b",), ("a", "b", "c")])
def test_units_are_added_and_dropped_until_all_is_explained(start):
    replay = replay_without("b", "c")
    found = improve(replay, nulls(replay), start, SINGLES, ROWS)

    assert (found.hypothesis.features, found.count) == (("b", "c"), 40)


def test_a_set_that_is_right_stays():
    replay = replay_without("b")
    found = improve(replay, nulls(replay), ("b",), SINGLES, ROWS)

    assert found.hypothesis.features == ("b",)


def test_a_spent_budget_improves_nothing():
    replay = replay_without("b")
    replay.reserved = replay.budget

    assert improve(replay, nulls(replay), ("b",), SINGLES, ROWS) is None


def test_effects_that_add_up_name_their_features():
    """Of a linear model least squares gives a share of exactly 1 to what was null, and 0 to the rest."""
    replay = replay_without("a", "c")

    assert additive_start(replay, nulls(replay), SINGLES, ROWS) == ("a", "c")
    assert additive_start(replay, nulls(replay), [("a", "b"), ("c",)], ROWS)[-1] == "c"
    assert additive_start(replay, nulls(replay), [], ROWS) == ()


def test_what_makes_no_difference_is_dropped():
    columns = {**COLUMNS, "c": 0 * COLUMNS["c"]}  # null would be what c was anyway
    replay = counterfactual(columns, score({**columns, "b": 0 * COLUMNS["b"]}))
    (whole,) = measure(replay, [nulls(replay)(("b", "c"))], ROWS)
    less = trim(replay, nulls(replay), whole, ("b", "c"), ROWS)

    assert (whole.count, less.count) == (40, 40)
    assert less.hypothesis.features == ("b",)


def test_a_set_without_a_spare_name_is_kept():
    replay = replay_without("a", "b")
    (whole,) = measure(replay, [nulls(replay)(("a", "b"))], ROWS)

    assert trim(replay, nulls(replay), whole, ("a", "b"), ROWS) is whole
