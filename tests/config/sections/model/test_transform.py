from __future__ import annotations

import pickle
from typing import Any

import pytest

from replay.config import Input, build_config, fingerprint, to_resolved_dict
from replay.config.sections.model.transform import fills_nulls, number_for, write_transforms
from replay.errors import ConfigError


def config(transform: Any, **entry: Any) -> Any:
    given = {"name": "x", "features": ["a", "b"], "transform": transform, **entry}
    return build_config(
        {
            "version": 1,
            "traffic": {"path": "x", "key": ["k"], "score": "s"},
            "model": {"inputs": [given]},
            "checkpoints": {"prod": {"path": "x"}},
            "output": "out",
        }
    )


LOG = {"op": "log1p"}
STANDARD = {"op": "standardize", "mean": {"a": 3.5, "*": 0.0}, "std": 2.0}


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("log1p", [LOG]),
        (LOG, [LOG]),
        (["log1p", STANDARD], [LOG, STANDARD]),
        ({"a": "log1p"}, {"a": [LOG]}),
        ({"a": LOG, "*": ["log1p", STANDARD]}, {"a": [LOG], "*": [LOG, STANDARD]}),
        ([], []),
    ],
)
def test_every_form_is_written_out_and_read_back(given: Any, written: Any) -> None:
    made = config(given)
    assert to_resolved_dict(made)["model"]["inputs"][0]["transform"] == written
    assert build_config(to_resolved_dict(made)) == made
    assert Input(name="x", features=("a", "b"), transform=made.model.inputs[0].transform) == made.model.inputs[0]


def test_the_first_that_matches_wins() -> None:
    transform = config({"a": "log", "?": "sqrt"}).model.inputs[0].transform
    assert [[step.op for step in transform.of(name)] for name in ("a", "b", "cc")] == [["log"], ["sqrt"], []]
    assert write_transforms(transform) == {"a": [{"op": "log"}], "?": [{"op": "sqrt"}]}
    assert number_for({"a": 1, "*": 2}, "b") == 2


def test_order_tells_configs_apart() -> None:
    orders = [{"a": "log", "?": "sqrt"}, {"?": "sqrt", "[a]": "log"}, {"[a]": "log", "?": "sqrt"}]
    assert len({fingerprint(config(order)) for order in orders}) == 3
    assert fingerprint(config("log")) == fingerprint(config([{"op": "log"}]))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("log1", ".transform: found 'log1', expected a transform: log1p, log, sqrt, .*; did you mean `log1p`?"),
        (5, ".transform: found 5, expected a transform: log1p, "),
        ({"op": "clip"}, ".transform: `clip` needs `min` or `max`"),
        ({"op": "standardize", "mean": 1}, ".transform: `standardize` needs `std`"),
        ({"op": "clip", "max": 3, "mn": 3}, ".transform.mn: is no argument of `clip`: it takes `min`, `max`; did you"),
        ({"op": "log", "base": 2}, ".transform.base: is no argument of `log`: it takes no arguments"),
        (["log", {"op": "clip", "max": "x"}], r".transform\[1\].max: found 'x', expected a number"),
        ({"a": ["log", {"op": "clip", "max": True}]}, r".transform.a\[1\].max: found true, expected a number"),
        ({"c": "log"}, ".transform.c: matches no feature of this input: it reads a, b"),
        ({"*": "log", "a": "sqrt"}, r".transform.a: `\*` before it matches first: move this entry above it"),
        ({"op": "clip", "max": {"c": 3}}, ".transform.max.c: matches no feature of this input"),
        ({"a": {"op": "clip", "max": {"c": 3}}}, ".transform.a.max.c: matches no feature of this input"),
        ([{"op": "clip", "max": {"c": 3}}], r".transform\[0\].max.c: matches no feature of this input"),
    ],
)
def test_mistakes_have_their_place(given: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=rf"model.inputs\[0\]{problem}"):
        config(given)


def test_where_nothing_is_to_transform() -> None:
    with pytest.raises(ConfigError, match="transform: is for numbers: a hash looks up values as they were logged"):
        config("log", dtype="int64", hash={"buckets": 5})
    with pytest.raises(ConfigError, match="a mask reads no column: leave out `transform`"):
        config("log", features=None, mask_of="y")


def test_which_steps_leave_no_null() -> None:
    fill = {"op": "fill", "value": 1}
    assert fills_nulls(["log", fill], "a")
    assert fills_nulls(fill, "a")
    assert fills_nulls({"a": "log", "*": fill}, "b")
    assert not fills_nulls({"a": "log", "*": fill}, "a")
    assert fills_nulls({"a": "log", "*": fill}, "?")
    assert not fills_nulls("log", "a")
    assert not fills_nulls(None, "a")


def test_a_scenario_of_nulls_is_sound_where_a_step_fills_them() -> None:
    def null_a(transform: Any) -> Any:
        return build_config(
            {**to_resolved_dict(config(transform)), "scenarios": {"n": [{"op": "nulls", "features": ["a"]}]}}
        )

    null_a({"a": [{"op": "fill", "value": 1}]})
    with pytest.raises(ConfigError, match="makes `a` null, which input `x` refuses"):
        null_a({"b": [{"op": "fill", "value": 1}]})


def test_workers_get_the_same() -> None:
    model = config({"a": "log", "*": STANDARD}).model
    assert pickle.loads(pickle.dumps(model)) == model
