"""NaN that a log writes for no value, against plain Python."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from replay.config.sections.model.contract import ModelConfig
from replay.features import REJECT_REASONS, Encoder

NAN = math.nan


def encode(array: pa.Array, **entry: Any) -> tuple[list[Any], list[str]]:
    model = ModelConfig.model_validate({"inputs": [{"name": "x", "feature": "x", "nan_as_null": True, **entry}]})
    batch = pa.RecordBatch.from_arrays([array], ["x"])
    encoded = Encoder(model, batch.schema).encode(batch)
    return encoded.tensors["x"].tolist(), [REJECT_REASONS[code] for code in encoded.rejected]


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()], ids=str)
def test_600_numbers(kind: pa.DataType) -> None:
    logged = [[1.5, NAN, None, -2.0, 0.0][place % 5] for place in range(600)]
    array = pa.array(logged, pa.float64()).cast(kind)
    expected = [-1.0 if value is None or math.isnan(value) else value for value in logged]
    assert encode(array, missing=-1.0) == (expected, [""] * 600)
    assert encode(array.slice(7, 11), missing=-1.0)[0] == expected[7:18]


def test_without_a_default_such_a_row_is_rejected() -> None:
    assert encode(pa.array([1.0, NAN, None])) == ([1.0, 0.0, 0.0], ["", *["null_without_default"] * 2])


def test_whole_numbers_that_were_logged_as_floats() -> None:
    assert encode(pa.array([1.0, NAN, 3.0]), dtype="int64", missing=7, offset=1) == ([2, 7, 4], [""] * 3)


def test_elements_of_lists() -> None:
    array = pa.array([[1.0, NAN, 3.0], [NAN], None, []])
    assert encode(array, length=2, pad=-1.0, missing=9.0) == ([[1, 9], [9, -1], [9, 9], [-1, -1]], [""] * 4)
    assert encode(array, length=2, pad=-1.0)[1] == ["null_without_default"] * 3 + [""]


def test_steps_see_the_default() -> None:
    steps = [{"op": "fill", "value": 4.0}, "sqrt"]
    assert encode(pa.array([9.0, NAN, None]), transform=steps) == ([3.0, 2.0, 2.0], [""] * 3)


def test_nan_stays_without_the_key() -> None:
    values, reasons = encode(pa.array([NAN, None]), nan_as_null=False, missing=0.0)
    assert math.isnan(values[0])
    assert (values[1], reasons) == (0.0, ["", ""])


def test_columns_of_other_types_are_as_they_are() -> None:
    assert encode(pa.array([1, None]), missing=5) == ([1.0, 5.0], ["", ""])
