"""The way of a logged number: null to ``missing``, the steps, one rounding, the offset."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.errors import TrafficError
from replay.features import Encoder

NULL, NOT_REPRESENTABLE = 1, 2


def encode(array: pa.Array, transform: Any, **entry: Any) -> tuple[list[Any], list[int]]:
    batch = pa.RecordBatch.from_arrays([array], ["a"])
    given = {"name": "x", "feature": "a", "transform": transform, **entry}
    encoded = Encoder(ModelConfig(inputs=(Input(**given),)), batch.schema).encode(batch)
    return encoded.tensors["x"].tolist(), encoded.rejected.tolist()


def test_a_null_is_refused_filled_before_or_filled_by_a_step() -> None:
    array = pa.array([3.0, None, -1.0])
    halves = {"op": "scale", "factor": 0.5}
    assert encode(array, halves) == ([1.5, 0.0, -0.5], [0, NULL, 0])
    assert encode(array, halves, missing=7) == ([1.5, 3.5, -0.5], [0, 0, 0])
    assert encode(array, [halves, {"op": "fill", "value": 7}]) == ([1.5, 7.0, -0.5], [0, 0, 0])
    assert encode(array, [{"op": "fill", "value": 7}, halves]) == ([1.5, 3.5, -0.5], [0, 0, 0])
    # What is missing goes first, so that there is nothing left to fill.
    assert encode(array, [halves, {"op": "fill", "value": 7}], missing=1) == ([1.5, 0.5, -0.5], [0, 0, 0])
    assert encode(pa.nulls(2), [{"op": "fill", "value": 7}]) == ([7.0, 7.0], [0, 0])
    assert encode(pa.nulls(2), "log1p") == ([0.0, 0.0], [NULL, NULL])


def test_what_is_missing_may_be_a_number_that_the_dtype_cannot_hold() -> None:
    array = pa.array([None, 9.0])
    assert encode(array, {"op": "bucketize", "edges": [0, 1]}, dtype="int64", missing=0.5) == ([1, 2], [0, 0])


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.decimal128(9, 2)])
def test_every_type_of_number(kind: pa.DataType) -> None:
    values: list[Any] = [1, None, 5]
    if kind == pa.float16():
        values = [np.float16(1), None, np.float16(5)]
    elif pa.types.is_decimal(kind):
        values = [Decimal(1), None, Decimal(5)]
    found, rejected = encode(pa.array(values, kind), "log1p", dtype="float64", missing=0)
    assert rejected == [0, 0, 0]
    assert found == [np.log1p(1.0), 0.0, np.log1p(5.0)]


def test_text_is_refused_as_without_a_transform() -> None:
    with pytest.raises(TrafficError, match="`a`: found a column of string, expected a number"):
        encode(pa.array(["x"]), "log1p")


def test_steps_are_computed_in_double_precision_and_rounded_once() -> None:
    # In single precision 16777217 is 16777216, and 1/3 of it another number.
    found, rejected = encode(pa.array([2**24 + 1]), {"op": "scale", "factor": 1 / 3}, dtype="float32")
    assert rejected == [0]
    assert found == [float(np.float32((2**24 + 1) * (1 / 3)))]


def test_nan_that_arises_is_taken_as_a_logged_one_is() -> None:
    array = pa.array([-2.0, -1.0, 0.0])
    found, rejected = encode(array, "log1p")
    assert rejected == [0, 0, 0]
    assert math.isnan(found[0])
    assert found[1:] == [-math.inf, 0.0]
    assert encode(array, "log1p", dtype="int64") == ([0, 0, 0], [NOT_REPRESENTABLE, NOT_REPRESENTABLE, 0])


def test_what_cannot_be_held_is_refused_before_and_after() -> None:
    # 2**53 + 1 is no float64, and 1e39 no float32.
    assert encode(pa.array([2**53 + 1, 4]), "sqrt") == ([0.0, 2.0], [NOT_REPRESENTABLE, 0])
    assert encode(pa.array([1e38, 4.0]), {"op": "scale", "factor": 10})[1] == [NOT_REPRESENTABLE, 0]
    assert encode(pa.array([7, 3]), {"op": "scale", "factor": 0.5}, dtype="int64")[1] == [NOT_REPRESENTABLE] * 2


def test_a_refusal_stays_beside_a_fill() -> None:
    steps = [{"op": "fill", "value": 5}]
    assert encode(pa.array([2**53 + 1, None, 3]), steps) == ([0.0, 5.0, 3.0], [NOT_REPRESENTABLE, 0, 0])


def test_elements_of_lists_are_transformed_and_padding_is_not() -> None:
    array = pa.array([[0.0, 3.0], [None], None, []], pa.list_(pa.float32()))
    halves = {"op": "scale", "factor": 0.5}
    assert encode(array, halves, pad=-1, missing=8) == (
        [[0.0, 1.5], [4.0, -1.0], [4.0, 4.0], [-1.0, -1.0]],
        [0, 0, 0, 0],
    )
    filled = [halves, {"op": "fill", "value": 9}]
    assert encode(array, filled, pad=-1)[0] == [[0.0, 1.5], [9.0, -1.0], [9.0, 9.0], [-1.0, -1.0]]
    assert encode(array, halves, pad=-1)[1] == [0, NULL, NULL, 0]


def test_columns_of_a_stack_have_their_own() -> None:
    batch = pa.RecordBatch.from_pydict({"a": [1.0, 2.0], "b": [1.0, 3.0], "c": [5.0, 6.0]})
    transform = {"a": "log1p", "b": [{"op": "clip", "max": 2}, {"op": "scale", "factor": 10}]}
    entry = Input(name="x", features=("*",), transform=transform)
    tensor = Encoder(ModelConfig(inputs=(entry,)), batch.schema).encode(batch).tensors["x"]
    expected = torch.tensor([[np.log1p(1.0), 10, 5], [np.log1p(2.0), 20, 6]], dtype=torch.float64)
    torch.testing.assert_close(tensor, expected.float(), rtol=0, atol=0)


def test_what_a_scenario_changes_is_transformed_too() -> None:
    batch = pa.RecordBatch.from_pydict({"a": [1.0, 2.0], "b": [1.0, 3.0]})
    entry = Input(name="x", features=("a", "b"), transform=[{"op": "scale", "factor": 10}, {"op": "fill", "value": 7}])
    encoder = Encoder(ModelConfig(inputs=(entry,)), batch.schema)
    clean = encoder.encode(batch).tensors
    changed = encoder.encode_features({"b": pa.array([None, 4.0])}, {"x": clean["x"].clone()})
    assert changed.tensors["x"].tolist() == [[10.0, 7.0], [20.0, 40.0]]
    assert not changed.rejected.any()


def test_no_row() -> None:
    assert encode(pa.array([], pa.float32()), "log1p") == ([], [])
