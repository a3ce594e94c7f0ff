"""swap: pairs of features, exchanged in the same rows."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pydantic import ValidationError

from replay.config.sections.scenarios import Perturbation
from replay.errors import ConfigError
from tests.scenarios.making import described, plan, touch


def test_swap_exchanges_both_in_the_same_rows():
    columns = {"x": pa.array(range(100)), "y": pa.array(range(100, 200)), "z": pa.array([0] * 100)}
    touched = touch(columns, {"op": "swap", "features": "x", "with": "y", "rate": 0.3})

    assert touched.columns.keys() == {"x", "y"}
    assert touched.columns["x"].to_pylist() == (touched.rows + 100).tolist()
    assert touched.columns["y"].to_pylist() == touched.rows.tolist()


def test_swap_of_text_stored_in_two_ways():
    columns = {"x": pa.array(["a", "b"]).dictionary_encode(), "y": pa.array(["c", None], pa.large_string())}
    touched = touch(columns, {"op": "swap", "features": "x", "with": "y"})

    assert touched.columns["x"].type == columns["x"].type
    assert touched.columns["x"].to_pylist() == ["c", None]
    assert touched.columns["y"].to_pylist() == ["a", "b"]


@pytest.mark.parametrize(
    ("columns", "step", "message"),
    [
        (("long", "float"), {"features": "x", "with": "y"}, "`x` is logged as int64 and `y` as double"),
        (("two", "three"), {"features": "x", "with": "y"}, "expected one type for both"),
        (("long", "long"), {"features": "x", "with": "yy"}, r"no input of the model reads `yy`; did you mean `y`\?"),
    ],
)
def test_what_cannot_be_swapped(columns, step, message):
    kinds = {"long": pa.int64(), "float": pa.float64(), "two": pa.list_(pa.int8(), 2), "three": pa.list_(pa.int8(), 3)}
    logged = {name: pa.nulls(1, kinds[kind]) for name, kind in zip("xy", columns, strict=True)}

    with pytest.raises(ConfigError, match=message) as caught:
        plan(logged, {"op": "swap", **step})
    assert {problem.path.split("[")[0] for problem in caught.value.problems} == {"scenarios.s"}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"features": ("x", "y"), "with": "y"}, "found 1 names for 2 features, expected one each"),
        ({"features": "x", "with": "x"}, "`x` is swapped twice"),
    ],
)
def test_swaps_that_are_no_pairs(step, message):
    with pytest.raises(ValidationError, match=message):
        Perturbation(op="swap", **step)


def test_lists_of_one_length_and_nulls():
    kind = pa.list_(pa.float32(), 2)
    columns = {"x": pa.array([[1, 2], None], kind), "y": pa.array([[3, 4], [5, 6]], kind)}
    touched = touch(columns, {"op": "swap", "features": "x", "with": "y"})

    assert touched.columns["x"].to_pylist() == [[3, 4], [5, 6]]
    assert touched.columns["y"].to_pylist() == [[1, 2], None]


def test_pairs_go_by_their_places():
    columns = {name: pa.array([place]) for place, name in enumerate("abcd")}
    touched = touch(columns, {"op": "swap", "features": ("a", "b"), "with": ("d", "c")})

    assert {name: array.to_pylist() for name, array in touched.columns.items()} == {
        "a": [3], "b": [2], "c": [1], "d": [0]
    }  # fmt: skip


def test_the_message_names_both_types_and_the_key():
    columns = {"x": pa.array([1]), "y": pa.array([1.0])}
    with pytest.raises(ConfigError) as caught:
        plan(columns, {"op": "swap", "features": "x", "with": "y"})

    assert [(problem.path, problem.message) for problem in caught.value.problems] == [
        (
            "scenarios.s[0].with",
            f"`{one}` is logged as {kind} and `{other}` as {second}: expected one type for both, or their values do "
            "not fit",
        )
        for one, kind, other, second in (("x", "int64", "y", "double"), ("y", "double", "x", "int64"))
    ]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"features": "x*", "with": "y"}, r"`swap` takes no globs, found x\*: name each feature"),
        ({"families": "f", "with": "y"}, "`swap` exchanges single features: name them under `features` and `with`"),
    ],
)
def test_features_are_named_one_by_one(step, message):
    with pytest.raises(ValidationError, match=message):
        Perturbation(op="swap", **step)


def test_what_the_schema_says():
    assert described("with") == ["swap: the columns that `features` are exchanged with, one each."]
