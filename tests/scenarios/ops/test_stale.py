"""stale: older values of the same entities."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest
from pydantic import ValidationError

from replay.config.sections.scenarios import Perturbation
from replay.scenarios.outside import stale_name
from tests.scenarios.making import described, plan, rows


def test_stale_values_and_rows_without_history():
    columns = {"x": pa.array([1, 2, 3, 4], pa.int32()), "v": pa.array([[1], [2], [3], [4]], pa.list_(pa.float32(), 1))}
    lag = {"op": "stale", "lag": "3h"}
    scenario = plan(columns, {**lag, "features": ("x", "v")}, {"op": "scale", "features": "x", "factor": 2})
    hours = timedelta(hours=3)
    side = {
        stale_name("x", hours): pa.array([10, None, None, 40], pa.int32()),
        stale_name("v", hours): pa.array([[10], None, [30], None], pa.list_(pa.float32(), 1)),
    }

    touched = scenario.touch(rows(columns, side=side.__getitem__))

    assert touched.columns["x"].to_pylist() == [20, None, None, 80]
    assert touched.columns["v"].to_pylist() == [[10], None, [30], None]
    assert touched.without_history == 1


HOURS = timedelta(hours=3)


def served(logged: pa.Array, older: pa.Array) -> pa.Array:
    """One feature ``x`` three hours stale in all rows."""
    side = {stale_name("x", HOURS): older}
    scenario = plan({"x": logged}, {"op": "stale", "features": "x", "lag": "3h"})
    return scenario.touch(rows({"x": logged}, side=side.__getitem__)).columns["x"]


def test_the_values_of_a_wider_type_come_back_in_the_logged_one():
    for logged, wider in ((pa.uint8(), pa.int16()), (pa.uint32(), pa.int64()), (pa.uint64(), pa.decimal128(20, 0))):
        values = served(pa.array([1, 2, 3], logged), pa.array([200, None, 0], pa.int64()).cast(wider))

        assert values.type == logged
        assert values.to_pylist() == [200, None, 0]


def test_text_and_dictionaries():
    logged = pa.array(["a", "b", None]).dictionary_encode()
    values = served(logged, pa.array([None, "older", "c"]))

    assert values.type == logged.type
    assert values.to_pylist() == [None, "older", "c"]


def test_the_age_of_a_step():
    step = Perturbation(op="stale", features="x", lag="90min")

    assert step.arguments.older_by == timedelta(minutes=90)
    with pytest.raises(ValueError, match="too many values to unpack"):
        _ = Perturbation(op="stale", features="x", lag=["1h", "2h"]).arguments.older_by
    for lag in ([], "soon"):
        with pytest.raises(ValidationError, match="lag"):
            Perturbation(op="stale", features="x", lag=lag)


def test_what_the_schema_says():
    assert described("lag") == ["stale: age that a value has at least, such as 3h. A list gives a variant per value."]
