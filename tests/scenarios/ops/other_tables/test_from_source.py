"""from: another table's values for the row's key, on columns that are joined by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from replay.config.sections.scenarios import Perturbation
from replay.scenarios import joined_name, matched_name
from replay.scenarios.hashing import row_keys, salted, selected
from tests.scenarios.making import described, model, plan, rows

SERVED = {"op": "from", "source": "served"}


def beside(matched: list[bool], **columns: pa.Array) -> Callable[[str], pa.Array]:
    """What Spark joins, by the names that a plan asks for."""
    side = {joined_name(name, "served"): column for name, column in columns.items()}
    return {**side, matched_name("served"): pa.array(matched)}.__getitem__


def test_a_row_without_a_match_is_left_as_it_is_and_counted():
    columns = {"x": pa.array([1, 2, 3, 4, 5], pa.int32())}
    side = beside([True, False, True, True, False], x=pa.array([10, None, None, 4, None], pa.int32()))
    touched = plan(columns, {**SERVED, "features": "x"}).touch(rows(columns, side=side))

    # Row 3 holds the same in both: its score is known.
    assert touched.rows.tolist() == [0, 2]
    assert touched.columns["x"].to_pylist() == [10, None]
    assert touched.without_match == 2


def test_no_difference_touches_no_row():
    columns = {
        "x": pa.array([1.5, None, float("nan"), -0.0]),
        "t": pa.array(["a", None, "", "b"]).dictionary_encode(),
        "v": pa.array([[1.0], [], None, [2.0, None]], pa.list_(pa.float32())),
    }
    side = beside([True] * 4, **{**columns, "t": columns["t"].cast(pa.string())})
    touched = plan(columns, {**SERVED, "features": ["x", "t", "v"]}).touch(rows(columns, side=side))

    assert touched.rows.tolist() == []


def test_the_sign_of_zero_is_a_difference():
    columns = {"x": pa.array([0.0, 1.0])}
    side = beside([True, True], x=pa.array([-0.0, 1.0]))
    assert plan(columns, {**SERVED, "features": "x"}).touch(rows(columns, side=side)).rows.tolist() == [0]


@pytest.mark.parametrize(
    ("logged", "theirs", "values"),
    [
        (pa.float32(), pa.float64(), [0.1, None, 3.5]),
        (pa.float64(), pa.int64(), [3, None, 2**53 + 1]),
        (pa.int64(), pa.float64(), [3.0, None, -7.0]),
        (pa.int8(), pa.int64(), [3, None, -7]),
        (pa.uint64(), pa.decimal128(20, 0), [2**64 - 1, None, 0]),
        (pa.large_string(), pa.string(), ["a", None, "é"]),
        (pa.list_(pa.float32()), pa.list_(pa.float64()), [[0.1, None], None, []]),
    ],
)
def test_values_come_in_the_type_of_the_traffic(logged: pa.DataType, theirs: pa.DataType, values: list[Any]):
    columns = {"x": pa.nulls(3, logged)}
    given = pa.array(values, pa.int64()).cast(theirs) if theirs == pa.float64() and logged == pa.int64() else None
    served = pa.array(values, theirs) if given is None else given
    touched = plan(columns, {**SERVED, "features": "x"}).touch(rows(columns, side=beside([True] * 3, x=served)))

    assert touched.columns["x"].type == logged
    kept = [place for place, value in enumerate(values) if value is not None]
    assert touched.rows.tolist() == kept
    expected = [values[place] for place in kept]
    if logged == pa.float32():
        expected = [float(np.float32(value)) for value in expected]
    elif logged == pa.list_(pa.float32()):
        expected = [[None if one is None else float(np.float32(one)) for one in value] for value in expected]
    elif logged == pa.float64():
        expected = [float(value) for value in expected]
    assert touched.columns["x"].to_pylist() == expected


def test_a_family_fails_together_also_where_one_feature_is_the_same():
    count = 200
    columns = {"x": pa.array(range(count)), "y": pa.array(range(count))}
    using = model("x", "y", families={"both": ("x", "y")})
    other = pa.array([value + 1 for value in range(count)])
    side = beside([True] * count, x=columns["x"], y=other)
    step = {**SERVED, "families": "both", "rate": 0.5}
    touched = plan(columns, step, using=using).touch(rows(columns, side=side))
    keys = row_keys([pa.array(range(count), pa.int64())])
    chosen = np.flatnonzero(selected(keys, salted(0, "s", 0, "both"), 0.5))

    assert 50 < len(chosen) < 150
    assert touched.rows.tolist() == chosen.tolist()
    assert touched.columns["y"].to_pylist() == (chosen + 1).tolist()
    assert touched.columns["x"].to_pylist() == chosen.tolist()


def test_an_earlier_step_is_undone_where_the_other_table_holds_what_was_logged():
    columns = {"x": pa.array([1, 2, 3])}
    side = beside([True, True, False], x=pa.array([1, 5, None]))
    steps = ({"op": "nulls", "features": "x"}, {**SERVED, "features": "x"})
    touched = plan(columns, *steps).touch(rows(columns, side=side))

    assert touched.rows.tolist() == [0, 1, 2]
    assert touched.columns["x"].to_pylist() == [1, 5, None]


def test_what_follows_sees_the_other_tables_values():
    columns = {"x": pa.array([1, 2, 3])}
    side = beside([True, True, True], x=pa.array([10, 2, 30]))
    steps = ({**SERVED, "features": "x"}, {"op": "scale", "features": "x", "factor": 2})
    touched = plan(columns, *steps).touch(rows(columns, side=side))

    assert touched.columns["x"].to_pylist() == [20, 4, 60]


def test_a_step_names_its_table():
    assert Perturbation(op="from", features="x", source="served").arguments.other_table == "served"
    assert Perturbation(op="nulls", features="x").arguments.other_table is None
    with pytest.raises(ValidationError, match="`from` needs `source`"):
        Perturbation(op="from", features="x")


def test_what_the_schema_says():
    assert described("source") == ["from: a table under `sources` that has a key; match: a table under `sources`."]
