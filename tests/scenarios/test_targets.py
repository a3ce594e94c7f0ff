"""Which features a step changes, and with which others each shares its rows."""

from __future__ import annotations

import pytest

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.config.sections.scenarios import Perturbation
from replay.errors import Problem
from replay.scenarios.targets import TOGETHER, StepTarget, inputs_of, resolve_targets
from tests.scenarios.making import model

FEATURES = ("I1", "I2", "C1", "user.vec", "n*")
MODEL = model(*FEATURES, families={"counts": ("I*",), "first": ("I1", "C1"), "star": ("n*",)})


def resolved(step: dict, problems: list[Problem] | None = None) -> tuple[StepTarget, ...]:
    found: list[Problem] = []
    targets = resolve_targets(Perturbation(**{"op": "nulls", **step}), "here", MODEL, FEATURES, found)
    assert found == (problems or [])
    return targets


def test_features_are_units_of_their_own():
    assert resolved({"features": ("C1", "I*")}) == (
        StepTarget("C1", "C1", "features"),
        StepTarget("I1", "I1", "features"),
        StepTarget("I2", "I2", "features"),
    )


def test_a_family_is_one_unit_and_the_first_that_names_a_feature_has_it():
    assert resolved({"families": ("counts", "first"), "features": ("I2", "user.vec")}) == (
        StepTarget("I1", "counts", "families"),
        StepTarget("I2", "counts", "families"),
        StepTarget("C1", "first", "families"),
        StepTarget("user.vec", "user.vec", "features"),
    )


@pytest.mark.parametrize(("together", "units"), [(True, [TOGETHER] * 3), (False, ["I1", "I2", "C1"])])
def test_units_by_the_word_of_the_step(together, units):
    targets = resolved({"families": "counts", "features": "C1", "together": together})

    assert [target.unit for target in targets] == units


def test_a_pattern_that_is_a_features_name_stands_for_that_one_alone():
    assert [target.feature for target in resolved({"families": "star"})] == ["n*"]


def test_what_is_not_there_is_a_problem_and_the_rest_is_resolved():
    problems = [
        Problem("`count` is not among `model.families`; did you mean `counts`?", "here.families[1]"),
        Problem("no input of the model reads `i1`; did you mean `I1`?", "here.features[0]"),
        Problem("no input of the model reads `nothing*`", "here.features[2]"),
    ]
    step = {"families": ("first", "count"), "features": ("i1", "I2", "nothing*")}

    assert [target.feature for target in resolved(step, problems)] == ["I1", "C1", "I2"]


def test_pairs_are_exchanged_both_ways_over_the_same_rows():
    step = {"op": "swap", "features": ("I1", "C1"), "with": ("I2", "user.vec")}

    assert resolved(step) == (
        StepTarget("I1", "I1", "features", "I2"),
        StepTarget("C1", "C1", "features", "user.vec"),
        StepTarget("I2", "I1", "with", "I1"),
        StepTarget("user.vec", "C1", "with", "C1"),
    )


@pytest.mark.parametrize(
    ("key", "step"), [("with", {"features": "I1", "with": "I3"}), ("features", {"features": "I3", "with": "I1"})]
)
def test_nothing_is_exchanged_where_a_name_is_not_there(key, step):
    problem = Problem("no input of the model reads `I3`", f"here.{key}[0]")

    assert resolved({"op": "swap", **step}, [problem]) == ()


def test_inputs_that_read_a_feature():
    one, glob, exact = (
        Input(name="one", feature="I1"),
        Input(name="glob", features=("I*", "C1")),
        Input(name="exact", features=("n*",)),
    )
    using = ModelConfig(inputs=(one, glob, exact))
    features = ("I1", "I2", "C1", "n*", "n1")

    assert inputs_of("I1", using, features) == (one, glob)
    assert inputs_of("I2", using, features) == inputs_of("C1", using, features) == (glob,)
    assert inputs_of("n*", using, features) == (exact,)
    assert inputs_of("n1", using, features) == ()  # `n*` is a feature's name
