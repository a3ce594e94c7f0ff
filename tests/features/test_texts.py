"""Text as rows of bytes, read back by Python's own decoding."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
import torch

from replay.config.sections.model.contract import ModelConfig
from replay.errors import TrafficError
from replay.features import Encoder

NULL, NOT_REPRESENTABLE = 1, 2


def encoder(batch: pa.RecordBatch, **entry: Any) -> Encoder:
    given = {"name": "x", "dtype": "string", **entry}
    return Encoder(ModelConfig.model_validate({"inputs": [given]}), batch.schema)


def read(tensor: torch.Tensor) -> Any:
    """The texts of a tensor of bytes."""
    if tensor.ndim == 1:
        return bytes(tensor.tolist()).rstrip(b"\0").decode()
    return [read(part) for part in tensor]


CITIES = ["Oslo", "", "Zürich", "日本"]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())], ids=str
)
def test_every_type_of_text_is_its_utf_8_bytes(kind: pa.DataType) -> None:
    array = pa.array(["before", *CITIES]).cast(kind).slice(1)
    batch = pa.RecordBatch.from_arrays([array], ["c"])
    encoded = encoder(batch, feature="c").encode(batch)
    assert encoded.tensors["x"].shape == (4, len("Zürich".encode()))
    assert read(encoded.tensors["x"]) == CITIES
    assert not encoded.rejected.any()


def test_columns_side_by_side() -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["x", None], "b": ["long", "y"]})
    encoded = encoder(batch, features=["b", "a"], missing={"a": "none"}).encode(batch)
    assert encoded.tensors["x"].shape == (2, 2, 4)
    assert read(encoded.tensors["x"]) == [["long", "x"], ["y", "none"]]


def test_what_is_refused() -> None:
    values = ["ok", None, "a\0b", "x" * 4096, "x" * 4097, "é"]
    batch = pa.RecordBatch.from_pydict({"c": values})
    encoded = encoder(batch, feature="c").encode(batch)
    assert encoded.rejected.tolist() == [0, NULL, NOT_REPRESENTABLE, 0, NOT_REPRESENTABLE, 0]
    assert read(encoded.tensors["x"]) == ["ok", "", "", "x" * 4096, "", "é"]
    filled = encoder(batch, feature="c", missing="none").encode(batch)
    assert read(filled.tensors["x"])[1] == "none"
    assert filled.rejected[1] == 0


def test_the_feature_that_refuses_a_row_is_named() -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["x", "y", "z"], "b": ["x", None, "a\0b"]})
    made = encoder(batch, features=["a", "b"])
    assert made.blame(batch, made.encode(batch).rejected).to_pylist() == [None, "b", "b"]


def test_no_row_and_no_text() -> None:
    batch = pa.RecordBatch.from_pydict({"c": pa.array([], pa.string())})
    assert encoder(batch, feature="c").encode(batch).tensors["x"].shape == (0, 1)
    nulls = pa.RecordBatch.from_arrays([pa.nulls(2)], ["c"])
    assert read(encoder(nulls, feature="c", missing="none").encode(nulls).tensors["x"]) == ["none", "none"]


@pytest.mark.parametrize(("texts", "width"), [(["b", ""], 4), (["a longer one", None], 12)])
def test_what_a_scenario_changes(texts: list[str | None], width: int) -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["four", "x"], "b": ["p", "q"]})
    made = encoder(batch, features=["a", "b"], missing="")
    clean = made.encode(batch).tensors
    changed = made.encode_features({"a": pa.array(texts, pa.string())}, {"x": clean["x"].clone()})
    assert changed.tensors["x"].shape == (2, 2, width)
    assert read(changed.tensors["x"]) == [[texts[0], "p"], [texts[1] or "", "q"]]


def test_one_column_changes() -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["four", "x"]})
    made = encoder(batch, feature="a")
    clean = made.encode(batch).tensors
    changed = made.encode_features({"a": pa.array(["y", "zz"])}, {"x": clean["x"].clone()})
    assert read(changed.tensors["x"]) == ["y", "zz"]


@pytest.mark.parametrize("kind", [pa.int64(), pa.binary(), pa.list_(pa.string())])
def test_other_columns_are_refused(kind: pa.DataType) -> None:
    with pytest.raises(TrafficError, match=r"`c`: found a column of .*, expected text for `dtype: string`"):
        encoder(pa.RecordBatch.from_arrays([pa.array([], kind)], ["c"]), feature="c")
