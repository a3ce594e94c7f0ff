from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.hash import Hash
from replay.config.sections.model.input import Input
from replay.errors import ConfigError, TrafficError
from replay.features import Encoder
from replay.features.codecs.byte_strings import as_bytes
from replay.features.codecs.categorical import CategoricalCodec
from replay.features.codecs.lookup import NO_INDEX
from replay.features.dtypes import TARGETS


def encode(array: pa.Array, fill: int | None = None) -> tuple[list[int], list[int] | None, list[bytes]]:
    """Indices, reasons, and what was looked up. The length of a value is its index; ``bad`` has none."""
    asked: list[bytes] = []

    def lookup(values: pa.Array) -> np.ndarray:
        texts = as_bytes(values).to_pylist()
        asked.extend(texts)
        return np.array([NO_INDEX if text == b"bad" else len(text) for text in texts], np.int64)

    codec = CategoricalCodec(lookup, TARGETS["int32"], None if fill is None else np.int32(fill))
    out = np.full(len(array), 77, np.int32)
    reasons = codec.encode(array, out)
    return out.tolist(), None if reasons is None else reasons.tolist(), asked


def test_each_distinct_value_is_looked_up_once() -> None:
    indices, reasons, asked = encode(pa.array(["aa", "b", "aa", "b", "aa"]))
    assert (indices, reasons) == ([2, 1, 2, 1, 2], None)
    assert sorted(asked) == [b"aa", b"b"]


def test_a_dictionary_larger_than_the_batch_is_not_looked_up_whole() -> None:
    dictionary = pa.array([f"value {place}" for place in range(1000)])
    array = pa.DictionaryArray.from_arrays(pa.array([3, 5, 3], pa.int32()), dictionary)
    assert sorted(encode(array)[2]) == [b"value 3", b"value 5"]


def test_what_a_shared_dictionary_was_looked_up_as_is_kept_for_the_next_batches() -> None:
    asked: list[list[str]] = []

    def lookup(values: pa.Array) -> np.ndarray:
        asked.append(values.to_pylist())
        return np.array([NO_INDEX if text == "bad" else len(text) for text in values.to_pylist()], np.int64)

    codec = CategoricalCodec(lookup, TARGETS["int64"], np.int64(9))

    def indices(array: pa.Array) -> tuple[list[int], list[int] | None]:
        out = np.empty(len(array), np.int64)
        reasons = codec.encode(array, out)
        return out.tolist(), None if reasons is None else reasons.tolist()

    def dictionary(*values: str | None) -> pa.DictionaryArray:
        return pa.array(values).dictionary_encode()

    first = dictionary("a", "bb", None, "a", "ccc")
    assert indices(first.slice(0, 3)) == ([1, 2, 9], None)
    assert indices(first.slice(3)) == ([1, 3], None)
    assert asked == [["a", "bb", "ccc"]]
    grown = dictionary("a", "bb", "ccc", "dddd")
    assert indices(grown) == ([1, 2, 3, 4], None)
    assert indices(dictionary("a", "bb")) == ([1, 2], None)
    assert asked[1:] == [["dddd"], ["a", "bb"]]
    other = dictionary("bb", "bad", "a")
    found, reasons = indices(other)
    assert (found[0], found[2], reasons) == (2, 1, [0, 3, 0])
    assert indices(pa.array(["ccc", "a"])) == ([3, 1], None)


def test_a_null_in_the_dictionary_is_a_null() -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2, 0]), pa.array(["a", None, "bbb"]))
    assert encode(array)[:2] == ([1, 0, 0, 3, 1], [0, 1, 1, 0, 0])
    assert encode(array.slice(1), fill=9)[:2] == ([9, 9, 3, 1], None)


def test_unknown_and_null_in_one_batch() -> None:
    array = pa.array(["a", "bad", None, "a"])
    indices, reasons, _ = encode(array)
    assert (indices[0], indices[3], reasons) == (1, 1, [0, 3, 1, 0])
    indices, reasons, _ = encode(array, fill=9)
    assert (indices[0], indices[2], reasons) == (1, 9, [0, 3, 0, 0])


@pytest.mark.parametrize("kind", [pa.string(), pa.int64(), pa.decimal128(5, 0)])
def test_all_null_and_empty(kind: pa.DataType) -> None:
    assert encode(pa.nulls(2, kind))[1] == [1, 1]
    assert encode(pa.nulls(2, kind), fill=4)[:2] == ([4, 4], None)
    assert encode(pa.array([], kind))[:2] == ([], None)


def test_integers_are_looked_up_by_their_decimal_string() -> None:
    assert sorted(encode(pa.array([-12, 0, 2**64 - 1], pa.decimal128(20, 0)))[2]) == [
        b"-12",
        b"0",
        b"18446744073709551615",
    ]
    assert sorted(encode(pa.array([7, 2**64 - 1], pa.uint64()))[2]) == [b"18446744073709551615", b"7"]


def test_run_end_encoded_text() -> None:
    array = pc.run_end_encode(pa.array(["aa", "aa", None, "b"]))
    assert encode(array.slice(1), fill=0)[:2] == ([2, 0, 1], None)


@pytest.mark.parametrize(
    "kind", [pa.float32(), pa.bool_(), pa.decimal128(9, 2), pa.timestamp("us"), pa.struct([("x", pa.string())])]
)
@pytest.mark.parametrize("how", [{"hash": Hash(buckets=3)}])
def test_only_strings_and_integers_are_looked_up(kind: pa.DataType, how: Any) -> None:
    model = ModelConfig(inputs=(Input(name="x", dtype="int64", feature="a", **how),))
    with pytest.raises(TrafficError, match="expected strings or integers"):
        Encoder(model, pa.schema([("a", kind)]))


def test_an_offset_shifts_what_is_looked_up_and_no_index_of_the_config(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    path.write_text('["a", "b", "none"]')
    batch = pa.RecordBatch.from_pydict({"t": ["a", "b", "new", None], "n": [5, 6, None, -3], "k": [0, 1, 2, 3]})

    def encode_with(**entry: Any) -> Any:
        given = {"name": "x", "dtype": "int64", "offset": 1, **entry}
        encoded = Encoder(ModelConfig.model_validate({"inputs": [given]}), batch.schema).encode(batch)
        assert not encoded.rejected.any()
        return encoded.tensors["x"].tolist()

    assert encode_with(feature="t", vocabulary=str(path), unknown=0, missing=9) == [1, 2, 0, 9]
    assert encode_with(feature="t", vocabulary=str(path), unknown=0, missing="none") == [1, 2, 0, 3]
    assert encode_with(features=["k"]) == [[1], [2], [3], [4]]
    assert encode_with(feature="n", missing=0) == [6, 7, 0, -2]
    assert (
        encode_with(feature="n", hash=Hash(function="crc32", buckets=10), missing="123456789")[2] == 0xCBF43926 % 10 + 1
    )


def test_an_offset_that_takes_an_index_out_of_the_dtype(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    path.write_text('{"a": 127}')
    entry = {"name": "x", "dtype": "int8", "feature": "t", "vocabulary": str(path), "offset": 1}
    with pytest.raises(ConfigError, match="vocabulary: gives the index 128 with the offset 1, which int8 cannot hold"):
        Encoder(ModelConfig.model_validate({"inputs": [entry]}), pa.schema([("t", pa.string())]))


def test_each_feature_is_hashed_under_its_own_name() -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["x"], "b": ["x"]})
    entry = {"name": "x", "dtype": "int64", "features": ["a", "b"]}
    entry["hash"] = {"function": "crc32", "buckets": 10**6, "template": "{name}={value}"}
    tensor = Encoder(ModelConfig.model_validate({"inputs": [entry]}), batch.schema).encode(batch).tensors["x"]
    assert tensor.tolist() == [[zlib.crc32(b"a=x") % 10**6, zlib.crc32(b"b=x") % 10**6]]
