from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.errors import TrafficError
from replay.features import Encoder


def encode(array: pa.Array, **entry: Any) -> tuple[list[Any], list[int]]:
    batch = pa.RecordBatch.from_arrays([array], ["a"])
    encoded = Encoder(ModelConfig(inputs=(Input(name="x", feature="a", **entry),)), batch.schema).encode(batch)
    return encoded.tensors["x"].tolist(), encoded.rejected.tolist()


def test_run_end_encoded_and_dictionary_numbers() -> None:
    values = pa.array([1.5, 1.5, None, 2.0])
    assert encode(pc.run_end_encode(values).slice(1), missing=9) == ([1.5, 9.0, 2.0], [0, 0, 0])
    assert encode(values.dictionary_encode().slice(1)) == ([1.5, 0.0, 2.0], [0, 1, 0])
    with_null = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1]), pa.array([None, 4], pa.int64()))
    assert encode(with_null, dtype="int64") == ([4, 0, 4], [0, 1, 0])


def test_a_column_of_the_null_type() -> None:
    assert encode(pa.nulls(2), missing=3.5) == ([3.5, 3.5], [0, 0])
    assert encode(pa.nulls(2)) == ([0.0, 0.0], [1, 1])


def test_what_lies_under_a_null_does_not_count() -> None:
    validity = pa.py_buffer(bytes([0b101]))
    array = pa.Array.from_buffers(pa.int64(), 3, [validity, pa.array([1, 2**60 + 1, 3]).buffers()[1]])
    assert encode(array, missing=7) == ([1.0, 7.0, 3.0], [0, 0, 0])
    assert encode(array, missing=7, dtype="int8") == ([1, 7, 3], [0, 0, 0])
    assert encode(array, dtype="int8") == ([1, 0, 3], [0, 1, 0])


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (pa.string(), "or, if the texts are numbers, a column of `traffic.columns`, `cast.NAME as double.`"),
        (pa.binary(4), "give the input a `vocabulary` or a `hash`"),
        (pa.date32(), "log it as a number"),
        (pa.timestamp("us", "UTC"), "log it as a number"),
        (pa.duration("s"), "log it as a number"),
        (pa.time32("s"), "log it as a number"),
        (pa.struct([("x", pa.int8())]), "name one of its fields"),
        (pa.map_(pa.string(), pa.int8()), "name one of its fields"),
        (pa.dictionary(pa.int8(), pa.string()), "give the input a `vocabulary` or a `hash`"),
    ],
)
def test_other_types_are_refused_with_advice(kind: pa.DataType, advice: str) -> None:
    with pytest.raises(TrafficError, match=f"model.inputs.0..feature: `a`: found a column of .*{advice}"):
        Encoder(ModelConfig(inputs=(Input(name="x", feature="a"),)), pa.schema([("a", kind)]))
