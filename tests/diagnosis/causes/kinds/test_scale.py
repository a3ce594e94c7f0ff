"""Another unit, another sign, a function too many, and any factor."""

from __future__ import annotations

import numpy as np
import pytest

from replay.config.sections.model.input import Input
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.find import find_causes
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.significance import measure
from tests.diagnosis.linear import counterfactual, score, small_columns, step_of
from tests.diagnosis.worlds import diagnose

COLUMNS = small_columns()
ROWS = np.arange(len(COLUMNS["a"]))
KIND = KINDS["scale"]


def replay_served(**served):
    return counterfactual(COLUMNS, score({**COLUMNS, **served}), families={"pair": ("a", "b")})


@pytest.mark.parametrize(
    ("served", "name"),
    [
        ({"c": COLUMNS["c"] / 60}, "c multiplied by 0.0166667"),
        ({"c": -COLUMNS["c"]}, "c multiplied by -1"),
        ({"c": np.log1p(COLUMNS["c"])}, "log1p(c)"),
        ({"a": COLUMNS["a"] * 100, "b": COLUMNS["b"] * 100}, "family pair multiplied by 100"),
    ],
)
def test_units_signs_and_functions_are_proposed(served, name):
    replay = replay_served(**served)
    verdicts = measure(replay, list(KIND.propose(replay, ROWS)), ROWS)

    assert [describe(verdict.hypothesis) for verdict in verdicts if verdict.count == 40] == [name]


def test_only_numbers_are_scaled():
    texts = {**COLUMNS, "c": ["x"] * len(ROWS)}
    inputs = (
        Input(name="x", dtype="float64", features=("a", "b"), missing=0.0),
        Input(name="text", dtype="int64", feature="c", hash={"buckets": 5}),
    )

    def forward(tensors):
        return tensors["x"].sum(1)

    replay = counterfactual(texts, np.ones(len(ROWS)), inputs=inputs, others={"prod": forward})

    assert {feature for one in KIND.propose(replay, ROWS) for feature in one.features} == {"a", "b"}


def test_any_factor_is_found_in_its_fewest_digits():
    replay = replay_served(b=2.54 * COLUMNS["b"])
    screened = measure(replay, [replay.perturbed("scale", ("b",), "scale", factor=2.0)], ROWS)
    best = max(KIND.refine(replay, screened, ROWS, ROWS), key=lambda verdict: verdict.count)

    assert (best.hypothesis.features, best.count) == (("b",), 40)
    assert KIND.fields(best.hypothesis) == {"parameters": {"factor": 2.54}}


def test_the_command_scales():
    replay = replay_served(b=2.0 * COLUMNS["b"])

    assert step_of(replay.perturbed("scale", ("b",), "scale", factor=0.1)) == {
        "op": "scale",
        "factor": 0.1,
        "features": ["b"],
    }
    assert step_of(replay.perturbed("scale", ("a", "b"), "scale", function="log1p")) == {
        "op": "scale",
        "function": "log1p",
        "families": ["pair"],
    }


@pytest.mark.parametrize(
    ("parameters", "short"),
    [({"factor": 2.0}, "{names} multiplied by {factor}"), ({"function": "log1p"}, "{names} put through {function}")],
)
def test_words(parameters, short):
    words = KIND.words(Cause("scale", 1.0, 40, parameters=parameters))

    assert (words.short, words.as_if) == (short, f"as if {short.replace('{names}', '{names} had been')}")


@pytest.mark.parametrize("factor", [1000.0, 0.01, -1.0, 2.54])
def test_a_scaled_feature(world, factor):
    cause = diagnose(world, world.score(world.scaled("item_1", factor))).causes[0]

    assert (cause.kind, cause.features) == ("scale", ("item_1",))
    assert cause.parameters["factor"] == pytest.approx(factor, rel=1e-3)


def test_two_factors_of_one_feature_contradict_each_other():
    replay = replay_served(c=COLUMNS["c"] * 3)
    one, two, both = (
        replay.perturbed("scale", names, "scale", factor=factor)
        for names, factor in ((("b",), 1.9), (("b",), 1.8), (("b", "c"), 1.9))
    )

    assert KIND.contradicts(one, two)
    assert KIND.contradicts(two, both)
    assert not KIND.contradicts(one, both)
    assert KIND.contradicts(one, replay.perturbed("constant", ("b",), "constant", value=1.0))
    assert not KIND.contradicts(one, replay.perturbed("constant", ("c",), "constant", value=1.0))
    assert not KIND.contradicts(one, replay.perturbed("null_features", ("b",), "nulls"))


def test_values_that_two_factors_explain_had_none():
    """Two hours, each of which was served nine later: 10 as 19, and 11 as 20."""
    hours = np.tile([10.0, 11.0], 20)
    columns = {**COLUMNS, "c": hours}
    replay = counterfactual(columns, score({**columns, "c": hours + 9.0}))
    told = find_causes(replay, kinds={"scale": KIND}).causes

    assert [cause.kind for cause in told] == ["unexplained"]


def test_a_factor_that_only_says_zero_is_not_named():
    """Online answered as if `c` had been 0: a millionth of it is as good, and so is a millionth of that."""
    replay = counterfactual(COLUMNS, score({**COLUMNS, "c": 0 * COLUMNS["c"]}), tolerance=1e-4)
    (none,) = measure(replay, [replay.perturbed("scale", ("c",), "scale", factor=1e-6)], ROWS)
    minutes = replay_served(c=COLUMNS["c"] * 60)
    (unit,) = measure(minutes, [minutes.perturbed("scale", ("c",), "scale", factor=60.0)], ROWS)

    assert none.count == unit.count == len(ROWS)
    assert KIND.refutes(replay, none)
    assert not KIND.refutes(minutes, unit)
    assert not KIND.refutes(replay, measure(replay, [replay.perturbed("null_features", ("c",), "nulls")], ROWS)[0])
