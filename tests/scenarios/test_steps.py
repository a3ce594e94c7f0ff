"""One step on columns in memory: what scenarios and a diagnosis both apply."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.config.sections.scenarios import Perturbation
from replay.errors import ConfigError
from replay.scenarios import Donors, PerturbedColumns, resolve_step, row_keys
from replay.scenarios.outside import where_name
from replay.scenarios.steps import resolve_steps
from tests.scenarios.making import model, plan, rows, scenario

LOGGED = {
    "a": pa.array([1, 2, None, 4], pa.int32()),
    "b": pa.array([10, 20, 30, 40], pa.int32()),
    "tags": pa.array([["x"], None, [], ["y", "z"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
}
TYPES = {name: array.type for name, array in LOGGED.items()}
MODEL = model(*LOGGED, missing=0, families={"ab": ("a", "b")})
KEYS = row_keys([pa.array(range(4))])
ALL = np.arange(4)


def older(feature: str, lag: timedelta) -> pa.Array:
    raise AssertionError(f"found a request for {feature} at {lag}, expected none")


def applied(step: dict, taken: np.ndarray = ALL, **providers) -> dict[str, list]:
    donors = providers.pop("donors", None)
    columns = PerturbedColumns(**{"column": LOGGED.__getitem__, "older": older, **providers}, rows=taken, num_rows=4)
    resolve_step(Perturbation.model_validate(step), MODEL, TYPES, donors).apply(columns, KEYS[taken])
    changed = columns.changed(TYPES)
    assert {name: array.type for name, array in changed.items()}.items() <= TYPES.items()
    return {name: array.to_pylist() for name, array in changed.items()}


def test_values_in_their_logged_types():
    assert applied({"op": "scale", "features": ["a"], "factor": 3}) == {"a": [3, 6, None, 12]}
    assert applied({"op": "nulls", "families": ["ab"]}) == {"a": [None] * 4, "b": [None] * 4}
    assert applied({"op": "constant", "features": ["tags"], "value": "q"}) == {"tags": [["q"], None, [], ["q", "q"]]}


def test_some_rows_of_a_batch():
    assert applied({"op": "scale", "features": ["b"], "factor": 2}, np.array([3, 1])) == {"b": [80, 40]}


def test_partners_are_values_from_before_the_step():
    assert applied({"op": "swap", "features": ["a"], "with": ["b"]}) == {
        "a": [10, 20, 30, 40],
        "b": [1, 2, None, 4],
    }


def test_older_values_come_from_the_provider():
    asked = []

    def past(feature: str, lag: timedelta) -> pa.Array:
        asked.append((feature, lag))
        return pa.array([7, None, 9, 8], pa.int32())

    assert applied({"op": "stale", "features": ["b"], "lag": "3h"}, np.array([0, 2, 1]), older=past) == {
        "b": [7, 9, None]
    }
    assert asked == [("b", timedelta(hours=3))]


def test_donors_are_other_rows():
    order = np.argsort(KEYS)
    donors = Donors(KEYS[order], {"b": LOGGED["b"].take(pa.array(order))})

    (changed,) = applied({"op": "shuffle", "features": ["b"]}, donors=donors).values()
    assert set(changed) <= {10, 20, 30, 40}
    assert all(new != old for new, old in zip(changed, [10, 20, 30, 40], strict=True))


def test_rows_without_a_history_are_told():
    step = resolve_step(Perturbation.model_validate({"op": "stale", "families": ["ab"], "lag": "1h"}), MODEL, TYPES)
    past = {"a": pa.array([None, 1, None, None], pa.int32()), "b": pa.array([None, None, 2, None], pa.int32())}
    columns = PerturbedColumns(LOGGED.__getitem__, lambda feature, lag: past[feature], ALL, 4)

    assert step.apply(columns, KEYS).tolist() == [True, False, False, True]


def test_a_scenario_of_one_step_gives_the_same():
    step = {"op": "noise", "features": ["a", "b"], "std": 5.0}
    columns = PerturbedColumns(LOGGED.__getitem__, older, ALL, 4)
    resolve_step(Perturbation.model_validate(step), MODEL, TYPES).apply(columns, KEYS, seed=3, salt="s")

    touched = plan(LOGGED, step, using=MODEL, seed=3).touch(rows(LOGGED, KEYS))
    assert touched.columns == columns.changed(TYPES)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="`noise` changes numbers, but `tags` is logged as list"):
        resolve_step(Perturbation.model_validate({"op": "noise", "features": ["tags"], "std": 1}), MODEL, TYPES)


def test_all_problems_at_once():
    columns = {"x": pa.array(["a"]), "y": pa.array([1.0])}
    using = ModelConfig(
        inputs=(
            Input(name="x", dtype="int64", feature="x", vocabulary="v.json", unknown=0),
            Input(name="y", feature="y"),
        ),
        families={"counts": ("y",)},
    )
    with pytest.raises(ConfigError) as caught:
        plan(
            columns,
            {"op": "scale", "features": ("x", "nope"), "factor": 2},
            {"op": "nulls", "families": "count"},
            using=using,
        )

    found = {problem.path: problem.message for problem in caught.value.problems}
    assert set(found) == {
        "scenarios.s[0].features[1]",
        "scenarios.s[0].features",
        "scenarios.s[1].families[0]",
    }
    assert found["scenarios.s[1].families[0]"] == "`count` is not among `model.families`; did you mean `counts`?"
    assert found["scenarios.s[0].features[1]"] == "no input of the model reads `nope`"


def test_a_step_says_its_rows_and_what_it_changes():
    step = resolve_step(
        Perturbation(
            op="stale",
            families="ab",
            lag="1h",
            rate=0.25,
            window={"start": "1970-01-01T00:00:01Z", "end": "1970-01-02T00:00:00Z"},
            where="surface = 'home'",
        ),
        MODEL,
        TYPES,
    )

    assert (step.number, step.rate, step.start_us, step.end_us) == (0, 0.25, 1_000_000, 86_400_000_000)
    assert (step.where, step.custom, step.from_history) == (where_name("surface = 'home'"), False, True)
    assert [(change.feature, change.unit) for change in step.changes] == [("a", "ab"), ("b", "ab")]


def test_a_step_of_few_words_is_over_all_rows():
    step = resolve_step(Perturbation(op="nulls", features="a"), MODEL, TYPES)

    assert (step.rate, step.start_us, step.end_us, step.where, step.from_history) == (1.0, None, None, None, False)


def test_units_change_their_own_places_and_no_others():
    step = resolve_step(Perturbation(op="scale", features=("a", "b"), factor=2), MODEL, TYPES)
    columns = PerturbedColumns(LOGGED.__getitem__, older, ALL, 4)

    without = step.apply(columns, KEYS, units={"a": np.array([0, 3])})

    assert {name: array.to_pylist() for name, array in columns.changed(TYPES).items()} == {"a": [2, 2, None, 8]}
    assert without.tolist() == [False] * 4


def test_a_draw_is_that_of_the_places():
    step = resolve_step(Perturbation(op="noise", features=("a", "b"), std=1), MODEL, TYPES)
    columns = PerturbedColumns(LOGGED.__getitem__, older, ALL, 4)
    draw = step.draw(step.changes[1], columns, KEYS, np.array([2, 0]), seed=5, salt="s")

    assert (draw.feature, draw.unit, draw.seed, draw.scope) == ("b", "b", 5, ("s", 0))
    assert draw.keys.tolist() == KEYS[[2, 0]].tolist()
    assert draw.other("a").to_pylist() == [None, 1]


def test_steps_of_a_scenario_have_their_numbers_and_keep_what_fits():
    steps = resolve_steps(
        scenario({"op": "nulls", "features": "tags"}, {"op": "scale", "features": ("tags", "b"), "factor": 2}),
        MODEL,
        TYPES,
    )

    assert [(step.number, [change.feature for change in step.changes]) for step in steps.steps] == [
        (0, ["tags"]),
        (1, ["b"]),
    ]
    (problem,) = steps.problems
    assert problem.path == "scenarios.s[1].features"
    assert problem.message.startswith("`scale` changes numbers, but `tags` is logged as list<")
