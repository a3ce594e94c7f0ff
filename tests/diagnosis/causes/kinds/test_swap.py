"""Columns that can be mistaken for each other."""

from __future__ import annotations

import numpy as np

from replay.config.sections.model.input import Input
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.significance import measure
from tests.diagnosis.linear import counterfactual, score, small_columns, step_of
from tests.diagnosis.worlds import diagnose

COLUMNS = small_columns()
ROWS = np.arange(len(COLUMNS["a"]))
KIND = KINDS["swap"]


def test_pairs_of_one_input_are_proposed():
    replay = counterfactual(COLUMNS, score({**COLUMNS, "b": COLUMNS["c"], "c": COLUMNS["b"]}))
    proposals = list(KIND.propose(replay, ROWS))

    assert [describe(one) for one in proposals] == ["a, b exchanged", "a, c exchanged", "b, c exchanged"]
    assert [verdict.count for verdict in measure(replay, proposals, ROWS)] == [0, 0, 40]
    assert step_of(proposals[2]) == {"op": "swap", "features": ["b"], "with": ["c"]}


def test_features_of_two_inputs_or_types_are_not_mistaken_unless_one_family_holds_them():
    inputs = (
        Input(name="x", dtype="float64", features=("a", "b"), missing=0.0),
        Input(name="y", dtype="float64", features=("c", "d"), missing=0.0),
    )
    columns = {**COLUMNS, "d": np.arange(len(ROWS))}  # whole numbers, the others are not

    def pairs(**families):
        prod = {"prod": lambda tensors: tensors["x"].sum(1)}
        replay = counterfactual(columns, np.full(len(ROWS), -1.0), inputs=inputs, families=families, others=prod)
        return [one.features for one in KIND.propose(replay, ROWS)]

    assert pairs() == [("a", "b")]
    assert pairs(both=("b", "c", "d")) == [("b", "c"), ("a", "b")]


def test_rows_that_hold_the_same_value_twice_are_not_changed():
    columns = {"a": [1.0, 2.0, 3.0, None, None], "b": [1.0, 9.0, 3.0, None, 4.0], "c": [0.0] * 5}
    replay = counterfactual(columns, np.full(5, -1.0))
    swap = next(iter(KIND.propose(replay, np.arange(5))))
    marks = KIND.marks(replay, swap, replay.perturbed("null_features", ("a",), "nulls"), np.arange(5))

    assert {words: holds.tolist() for words, holds in marks} == {
        "with a and b different": [False, True, False, False, True],
        "with a and b equal": [True, False, True, True, False],
    }


def test_words():
    words = KIND.words(Cause("swap", 1.0, 40))

    assert (words.short, words.as_if) == ("{names} exchanged", "as if {names} had been exchanged")


def test_exchanged_features(world):
    columns = {**world.columns, "item_0": world.columns["item_3"], "item_3": world.columns["item_0"]}
    cause = diagnose(world, world.score(columns)).causes[0]

    assert (cause.kind, cause.features) == ("swap", ("item_0", "item_3"))
