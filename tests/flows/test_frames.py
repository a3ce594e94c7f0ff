"""Rows in memory: what is made of pandas and Arrow, and what comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from replay.config import ModelConfig
from replay.errors import ConfigError, UsageError
from replay.flows.frames import column_names, is_spark, to_arrow, with_columns


def model(*features: str) -> ModelConfig:
    return ModelConfig.model_validate({"inputs": [{"name": "x", "features": list(features)}]})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Series([1.5, np.nan]), pa.array([1.5, None])),
        (pd.Series([1.5, np.nan], dtype="float32"), pa.array([1.5, None], pa.float32())),
        (pd.Series([1, None], dtype="Int64"), pa.array([1, None], pa.int64())),
        (pd.Series([True, None], dtype="boolean"), pa.array([True, None])),
        (pd.Series(["a", None], dtype="string"), pa.array(["a", None], pa.string())),
        (pd.Series(["a", None]), pa.array(["a", None])),
        (pd.Series([[1, 2], None]), pa.array([[1, 2], None])),
        (pd.Series([1, 2], dtype="int64[pyarrow]"), pa.array([1, 2])),
        (pd.to_datetime(pd.Series(["2026-11-20", None])), pa.array([1795132800000000000, None], pa.timestamp("ns"))),
    ],
    ids=["float", "float32", "Int64", "boolean", "string", "object", "lists", "arrow", "datetime"],
)
def test_pandas_is_read_as_arrow_reads_it(values: Any, expected: pa.Array):
    found = to_arrow(pd.DataFrame({"x": values}), model("x"))["x"]
    if pa.types.is_large_string(found.type):
        found = found.cast(pa.string())
    assert found.to_pylist() == expected.to_pylist()
    assert found.type == expected.type


def test_a_categorical_is_a_dictionary():
    found = to_arrow(pd.DataFrame({"x": pd.Categorical(["b", None, "a"])}), model("x"))["x"]
    assert pa.types.is_dictionary(found.type)
    assert found.to_pylist() == ["b", None, "a"]


def test_only_what_may_be_read_is_converted():
    frame = pd.DataFrame({"x": [1.0], "x_2": [2.0], "other": ["a"], "ctx": [{"a": 1}], "blob": [object()]})
    read = {name: to_arrow(frame, model(name)).schema for name in ("x", "x*", "ctx.a", "*_2")}
    given = {name: [each.name for each in schema if not pa.types.is_null(each.type)] for name, schema in read.items()}
    assert given["x"] == ["x"]
    assert given["x*"] == ["x", "x_2"]
    assert given["ctx.a"] == ["ctx"]
    assert "x_2" in given["*_2"]
    assert read["*_2"].names == list(frame.columns)  # an object that nobody reads is no problem


@pytest.mark.parametrize("pattern", ["blob", "b*", "blob.a"])
def test_objects_that_a_model_reads_are_a_problem(pattern: str):
    with pytest.raises(ConfigError, match="the column `blob` holds what Arrow has no one type for"):
        to_arrow(pd.DataFrame({"blob": [object(), 1]}), model(pattern))


@pytest.mark.parametrize("rows", [[1], {"x": [1.0]}, np.zeros((2, 2)), None], ids=["list", "dict", "numpy", "none"])
def test_other_kinds_are_refused(rows: object):
    with pytest.raises(UsageError, match="expected a pandas DataFrame, a pyarrow Table or RecordBatch, or a Spark"):
        to_arrow(rows, model("x"))
    assert not is_spark(rows)


def test_a_subclass_of_a_dataframe_is_one():
    class Frame(pd.DataFrame):
        pass

    assert to_arrow(Frame({"x": [1.0]}), model("x"))["x"].to_pylist() == [1.0]


ADDED = {
    "rejected": pa.chunked_array([["a"], [None, None]], pa.string()),
    "score": pa.chunked_array([[None], [0.5, 0.25]], pa.float64()),
}


def test_a_dataframe_keeps_its_index_and_the_order_of_its_columns():
    frame = pd.DataFrame({"z": [1, 2, 3], "a": [4, 5, 6]}, index=pd.Index([7, 7, 9], name="row"))
    found = with_columns(frame, ADDED)
    assert list(found.columns) == ["z", "a", "rejected", "score"]
    assert found.index.equals(frame.index)
    assert found.index.name == "row"
    assert found["rejected"].tolist() == ["a", None, None]
    assert found["score"].isna().tolist() == [True, False, False]
    assert list(frame.columns) == ["z", "a"]


def test_arrow_comes_back_as_it_was():
    table = pa.table({"z": [1, 2, 3]}).replace_schema_metadata({"k": "v"})
    found = with_columns(table, ADDED)
    assert isinstance(found, pa.Table)
    assert found.schema.metadata == {b"k": b"v"}
    (rows,) = table.to_batches()
    found = with_columns(rows, ADDED)
    assert isinstance(found, pa.RecordBatch)
    assert found.to_pydict() == {"z": [1, 2, 3], "rejected": ["a", None, None], "score": [None, 0.5, 0.25]}
    assert with_columns(rows.slice(0, 0), {"s": pa.chunked_array([], pa.float32())}).num_rows == 0


def test_names_are_text():
    assert column_names(pd.DataFrame({0: [1], "a": [2]})) == ["0", "a"]
    assert column_names(pa.table({"b": [1]})) == ["b"]
