"""Perturbations of the user's own."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from pydantic import ValidationError

from replay.config.sections.scenarios import Perturbation
from replay.errors import ConfigError, RunFailed
from replay.scenarios import NotThere, op_sources
from tests.scenarios.making import plan, rows, touch

SOURCE = """
import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

class Jitter:
    def __init__(self, most=1.0):
        self.most = most
    def apply(self, values, draw):
        return pc.add(values, pa.array(self.most * draw.uniform()))

class Shorter:
    def apply(self, values, draw):
        return values.slice(1)

class Texts:
    def apply(self, values, draw):
        return pa.array(["a"] * len(values))

class Numpy:
    def apply(self, values, draw):
        return np.zeros(len(values))

class Failing:
    def apply(self, values, draw):
        raise KeyError("no luck")

class Ints:
    def apply(self, values, draw):
        return pa.array([7] * len(values), pa.int8())

class Sided:
    def apply(self, values, draw):
        return draw.older(datetime.timedelta(hours=1))

class NoMethod:
    pass

number = 3
"""
COLUMNS = {"x": pa.array([1.0, 2.0, None]), "y": pa.array([0.0] * 3)}


@pytest.fixture
def base(tmp_path):
    (tmp_path / "own.py").write_text(SOURCE)
    (tmp_path / "broken.py").write_text("import not_installed_anywhere")
    return str(tmp_path)


def own(name: str, **step) -> dict:
    return {"op": f"own.py:{name}", "features": "x", **step}


def test_from_a_file_with_arguments(base):
    touched = touch(COLUMNS, own("Jitter", kwargs={"most": 0.5}), base_dir=base)
    first, second, third = touched.columns["x"].to_pylist()

    assert 1 <= first < 1.5
    assert 2 <= second < 2.5
    assert first - 1 != second - 2
    assert third is None


def test_from_a_module_beside_the_config(base):
    touched = touch(COLUMNS, {"op": "own:Jitter", "features": "x", "rate": 1}, base_dir=base)

    assert touched.columns["x"].to_pylist()[0] > 1


def test_rates_and_draws_are_the_rows(base):
    columns = {"x": pa.array([0.0] * 1000)}
    whole = touch(columns, own("Jitter"), base_dir=base)
    some = touch(columns, own("Jitter", rate=0.1), base_dir=base)

    assert 0 < len(some.rows) < 200
    assert some.columns["x"].to_pylist() == whole.columns["x"].take(pa.array(some.rows)).to_pylist()


def test_an_answer_that_casts_without_loss(base):
    assert touch(COLUMNS, own("Ints"), base_dir=base).columns["x"].to_pylist() == [7.0] * 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Shorter", "returned 2 values, expected a pyarrow array of 3 values of double"),
        ("Texts", "returned values of string, expected a pyarrow array of 3 values of double"),
        ("Numpy", "returned ndarray, expected a pyarrow array of 3 values of double"),
        ("Failing", "raised KeyError: 'no luck'"),
    ],
)
def test_an_answer_that_does_not_fit(base, name, message):
    scenario = plan(COLUMNS, own(name), base_dir=base)

    with pytest.raises(RunFailed, match=rf"the perturbation `own\.py:{name}` on `x` {message}"):
        scenario.touch(rows(COLUMNS))


def test_tried_out_before_the_run_whatever_the_rate(base):
    steps = [own("Jitter"), own("Failing", rate=0.0), own("Numpy", features=["x", "y"])]
    found = plan(COLUMNS, *steps, base_dir=base).try_out(rows(COLUMNS))

    assert [(problem.path, problem.message) for problem in found] == [
        ("scenarios.s[1].op", "the perturbation `own.py:Failing` on `x` raised KeyError: 'no luck'"),
        (
            "scenarios.s[2].op",
            "the perturbation `own.py:Numpy` on `x` returned ndarray, expected a pyarrow array of 3 values of double",
        ),
    ]


def test_what_asks_for_a_side_column_is_not_judged_without_it(base):
    def absent(name: str) -> pa.Array:
        raise NotThere(name)

    scenario = plan(COLUMNS, own("Sided"), base_dir=base)
    assert scenario.try_out(rows(COLUMNS, side=absent)) == []
    short = {"replay:stale:3600000000:x": pa.array([1.0] * 2)}
    assert len(scenario.try_out(rows(COLUMNS, side=short.__getitem__))) == 1


@pytest.mark.parametrize(
    ("step", "path", "message"),
    [
        (own("Jiter"), "op", "`own.py` has no `Jiter`; did you mean `Jitter`?"),
        (own("number"), "op", "is a value of type int, expected a class with `apply`"),
        (own("NoMethod"), "op", "has no method `apply(values, draw)`"),
        (own("Jitter", kwargs={"least": 1}), "kwargs", "was made with {'least': 1} and raised TypeError"),
        ({"op": "absent.py:A", "features": "x"}, "op", "no such file"),
        ({"op": "absent_module:A", "features": "x"}, "op", "there is no module `absent_module`"),
        ({"op": "broken.py:A", "features": "x"}, "op", "failed: ModuleNotFoundError: No module named 'not_installed"),
    ],
)
def test_a_class_that_cannot_be_used(base, step, path, message):
    with pytest.raises(ConfigError) as caught:
        plan(COLUMNS, step, base_dir=base)

    (problem,) = caught.value.problems
    assert problem.path == f"scenarios.s[0].{path}"
    assert message in problem.message


@pytest.mark.parametrize(
    ("op", "message"),
    [("jitter", "`jitter` is no perturbation: expected one of nulls, "), ("null", "did you mean `nulls`?")],
)
def test_a_name_that_is_neither(op, message):
    with pytest.raises(ValidationError, match=re.escape(message)):
        Perturbation(op=op, features="x")


COMPUTED = """
import importlib
import pyarrow as pa

class Moved:
    def __init__(self):
        self.by = importlib.import_module("own_" + "amounts").BY
    def apply(self, values, draw):
        return pa.array([None if value is None else value + self.by for value in values.to_pylist()], values.type)
"""


@pytest.mark.parametrize("place", ["own_moved.py", "own_moved"])
def test_edited_code_is_what_is_applied(tmp_path, place):
    (tmp_path / "own_moved.py").write_text(COMPUTED)
    found = []
    for amount in (1.0, 2.0):
        (tmp_path / "own_amounts.py").write_text(f"BY = {amount}\n")
        touched = touch(COLUMNS, {"op": f"{place}:Moved", "features": "x"}, base_dir=str(tmp_path))
        assert touched.columns["x"].to_pylist() == [1 + amount, 2 + amount, None]
        found.append(op_sources(f"{place}:Moved", str(tmp_path)))

    assert set(found[0]) == {place, "own_amounts", "pyarrow"}
    assert {name for name in found[0] if found[0][name] != found[1][name]} == {"own_amounts"}


def test_the_packages_own_perturbations_have_no_source():
    assert op_sources("nulls", "/") == {}
