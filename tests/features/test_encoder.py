"""The encoder as a whole, on cases worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import xxhash

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.hash import Hash
from replay.config.sections.model.input import Input
from replay.errors import ConfigError, TrafficError
from replay.features import REJECT_REASONS, Encoder, check_features


def encode(batch: pa.RecordBatch, *inputs: Input, **kwargs: Any) -> tuple[dict[str, torch.Tensor], list[str]]:
    encoded = Encoder(ModelConfig(inputs=inputs), batch.schema, **kwargs).encode(batch)
    assert encoded.rejected.dtype == np.int8
    return encoded.tensors, [REJECT_REASONS[code] for code in encoded.rejected]


def batch_of(**columns: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(columns)


def test_stacks_in_the_order_of_the_config_with_globs_in_schema_order() -> None:
    batch = batch_of(I2=[20.0], I10=[100.0], I1=[10.0], I3=[30.0])
    tensors, _ = encode(batch, Input(name="x", features=("I3", "I*")))
    assert tensors["x"].tolist() == [[30.0, 20.0, 100.0, 10.0]]
    tensors, _ = encode(batch, Input(name="x", features=("I*", "I2")))
    assert tensors["x"].tolist() == [[100.0, 10.0, 30.0, 20.0]]


def test_missing_by_feature_first_match_wins_and_what_is_left_is_refused() -> None:
    batch = batch_of(I1=[None, 1.0, 1.0], I2=[2.0, None, 2.0], J=[3.0, 3.0, None])
    tensors, reasons = encode(batch, Input(name="x", features=("I1", "I2", "J"), missing={"I1": 3.5, "I*": 0.5}))
    assert tensors["x"].tolist() == [[3.5, 2.0, 3.0], [1.0, 0.5, 3.0], [0.0, 0.0, 0.0]]
    assert reasons == ["", "", "null_without_default"]


def test_nan_is_a_value_and_no_null() -> None:
    batch = batch_of(a=[float("nan"), float("inf"), None])
    tensors, reasons = encode(
        batch, Input(name="x", feature="a", missing=7.0), Input(name="y", features=("a",), missing=1)
    )
    assert torch.isnan(tensors["x"][0])
    assert tensors["x"][1:].tolist() == [torch.inf, 7.0]
    assert torch.isnan(tensors["y"][0, 0])
    assert reasons == ["", "", ""]


def test_nan_and_inf_do_not_fit_an_integer() -> None:
    batch = batch_of(a=[float("nan"), float("inf"), 2.5, -2.0])
    tensors, reasons = encode(batch, Input(name="x", dtype="int64", feature="a"))
    assert tensors["x"].tolist() == [0, 0, 0, -2]
    assert reasons == ["not_representable"] * 3 + [""]


def test_a_rejected_row_holds_zeros_in_every_tensor_and_keeps_its_first_reason() -> None:
    batch = batch_of(a=[1.0, None, 3.0], b=[5, 2**62 + 1, 7], c=[[1], [2, 3], [4]])
    tensors, reasons = encode(
        batch,
        Input(name="c", dtype="int64", feature="c", length=2, pad=0),
        Input(name="m", feature=None, mask_of="c"),
        Input(name="b", feature="b"),
        Input(name="a", feature="a"),
    )
    assert reasons == ["", "not_representable", ""]
    assert tensors["c"].tolist() == [[1, 0], [0, 0], [4, 0]]
    assert tensors["m"].tolist() == [[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    assert tensors["b"].tolist() == [5.0, 0.0, 7.0]
    assert list(tensors) == ["c", "m", "b", "a"]


def test_large_ids_stay_exact() -> None:
    ids = [2**53 + 1, -(2**63), 2**63 - 1, None]
    tensors, reasons = encode(batch_of(id=ids), Input(name="x", dtype="int64", feature="id", missing=2**53 + 1))
    assert tensors["x"].tolist() == [*ids[:3], 2**53 + 1]
    assert reasons == [""] * 4


def test_uint64_beyond_int64_is_refused() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([2**63 - 1, 2**63], pa.uint64())], ["a"])
    tensors, reasons = encode(batch, Input(name="x", dtype="int64", feature="a"))
    assert tensors["x"].tolist() == [2**63 - 1, 0]
    assert reasons == ["", "not_representable"]


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"]
)
def test_every_dtype_reaches_the_tensor(dtype: Any) -> None:
    batch = batch_of(a=[1, 2], b=[3, 4], c=[[5], [6, 7]])
    tensors, _ = encode(
        batch,
        Input(name="s", dtype=dtype, features=("a", "b")),
        Input(name="x", dtype=dtype, feature="a"),
        Input(name="l", dtype=dtype, feature="c", pad=9),
        Input(name="m", dtype=dtype, mask_of="l"),
    )
    assert {tensor.dtype for tensor in tensors.values()} == {getattr(torch, dtype)}
    assert tensors["s"].tolist() == [[1, 3], [2, 4]]
    assert tensors["l"].tolist() == [[5, 9], [6, 7]]
    assert tensors["m"].tolist() == [[1, 0], [1, 1]]


def test_bool_dtype() -> None:
    batch = batch_of(a=[0, 1, 2], b=[True, False, True])
    tensors, reasons = encode(batch, Input(name="x", dtype="bool", features=("a", "b")))
    assert tensors["x"].tolist() == [[False, True], [True, False], [False, False]]
    assert reasons == ["", "", "not_representable"]


def test_no_tensor_shares_memory_with_the_batch() -> None:
    batch = batch_of(a=[1.0, 2.0], v=[[1.0], [2.0]])
    inputs = (
        Input(name="x", dtype="float64", feature="a"),
        Input(name="s", dtype="float64", features=("a",)),
        Input(name="v", dtype="float64", feature="v", length=1),
    )
    tensors, _ = encode(batch, *inputs)
    for tensor in tensors.values():
        tensor.zero_()
    assert batch.to_pydict() == {"a": [1.0, 2.0], "v": [[1.0], [2.0]]}


def test_a_row_less_batch_keeps_shapes_and_dtypes(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text('["a"]')
    schema = pa.schema(
        {
            "a": pa.float32(),
            "s": pa.string(),
            "l": pa.list_(pa.int32()),
            "m": pa.map_(pa.string(), pa.int64()),
            "f": pa.list_(pa.float32(), 3),
            "d": pa.decimal128(9, 2),
            "st": pa.struct([("x", pa.int8())]),
        }
    )
    batch = pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
    tensors, reasons = encode(
        batch,
        Input(name="stack", features=("a", "d", "st.x", "m.k")),
        Input(name="uniform", features=("a",)),
        Input(name="s", dtype="int64", feature="s", vocabulary=str(tmp_path / "v.json")),
        Input(name="l", dtype="int64", feature="l", pad=0),
        Input(name="cut", dtype="int64", feature="l", pad=0, length=5),
        Input(name="f", feature="f"),
        Input(name="mask", mask_of="cut"),
    )
    shapes = {"stack": (0, 4), "uniform": (0, 1), "s": (0,), "l": (0, 1), "cut": (0, 5), "f": (0, 3), "mask": (0, 5)}
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == shapes
    assert tensors["l"].dtype == torch.int64
    assert reasons == []


def test_one_vocabulary_for_strings_integers_dictionaries_and_lists(tmp_path: Path) -> None:
    path = tmp_path / "ids.json"
    path.write_text(json.dumps({"7": 3, "se": 1}))
    entry = {"dtype": "int64", "vocabulary": str(path), "unknown": 0, "missing": 9}
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array(["7", "se", "no", None]),
            pa.array([7, 8, 7, None], pa.uint16()),
            pa.array(["se", None, "se", "7"]).dictionary_encode(),
            pa.array([["se", None], [], None, ["7", "no", "se"]]),
        ],
        ["text", "number", "coded", "many"],
    )
    tensors, reasons = encode(
        batch,
        Input(name="stack", features=("text", "number", "coded"), **entry),
        Input(name="many", feature="many", pad=-1, **entry),
        Input(name="mask", dtype="int64", mask_of="many"),
    )
    assert tensors["stack"].tolist() == [[3, 3, 1], [1, 0, 9], [0, 3, 1], [9, 9, 3]]
    assert tensors["many"].tolist() == [[1, 9, -1], [-1, -1, -1], [9, 9, 9], [3, 0, 1]]
    assert tensors["mask"].tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0], [1, 1, 1]]
    assert reasons == [""] * 4


def test_a_value_without_index_rejects_the_row(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    path.write_text('["a", "b"]')
    batch = batch_of(s=["b", "c", None])
    tensors, reasons = encode(batch, Input(name="x", dtype="int32", feature="s", vocabulary=str(path)))
    assert tensors["x"].tolist() == [1, 0, 0]
    assert reasons == ["", "unknown_vocabulary", "null_without_default"]


def test_hash_of_integers_is_that_of_their_decimal_string() -> None:
    config = Hash(buckets=1000, seed=5)
    batch = batch_of(s=["-12", None], i=pa.array([-12, None], pa.int32()))
    tensors, _ = encode(batch, Input(name="x", dtype="int64", features=("s", "i"), hash=config, missing="none"))
    expected = [xxhash.xxh64_intdigest(data, seed=5) % 1000 for data in (b"-12", b"none")]
    assert tensors["x"].tolist() == [[expected[0]] * 2, [expected[1]] * 2]


def test_strings_that_are_not_utf8_are_hashed_as_they_are() -> None:
    raw = pa.array([b"\xff\xfe", b"ok"]).view(pa.string())
    batch = pa.RecordBatch.from_arrays([raw], ["s"])
    tensors, reasons = encode(batch, Input(name="x", dtype="int64", feature="s", hash=Hash(buckets=997)))
    assert tensors["x"].tolist() == [xxhash.xxh64_intdigest(data) % 997 for data in (b"\xff\xfe", b"ok")]
    assert reasons == ["", ""]


def test_features_and_roots_come_in_schema_order() -> None:
    schema = pa.schema([("z", pa.int64()), ("s", pa.struct([("b", pa.int8()), ("a", pa.int8())])), ("a", pa.int64())])
    model = ModelConfig(inputs=(Input(name="x", features=("a", "s.a")), Input(name="y", features=("s.b", "a"))))
    encoder = Encoder(model, schema)
    assert encoder.roots == ("s", "a")
    assert encoder.features == ("s.b", "s.a", "a")


def test_a_batch_may_order_its_columns_differently_and_hold_others() -> None:
    model = ModelConfig(inputs=(Input(name="x", features=("a", "s.k"), missing=-1),))
    first = batch_of(a=[1], s=[{"k": 2, "j": 0}])
    second = batch_of(other=["x"], s=[{"j": 0, "k": 20}], a=[10])
    encoder = Encoder(model, first.schema)
    assert encoder.encode(second).tensors["x"].tolist() == [[10.0, 20.0]]
    assert encoder.encode(first).tensors["x"].tolist() == [[1.0, 2.0]]


def test_a_batch_may_hold_a_dictionary_of_a_columns_values() -> None:
    model = ModelConfig(inputs=(Input(name="x", dtype="int64", feature="t", hash=Hash(buckets=1000)),))
    encoder = Encoder(model, pa.schema([("t", pa.string())]))
    plain = batch_of(t=["a", "b", "a"])
    expected = encoder.encode(plain).tensors["x"].tolist()
    assert encoder.encode(batch_of(t=plain["t"].dictionary_encode())).tensors["x"].tolist() == expected
    assert encoder.encode(plain).tensors["x"].tolist() == expected
    with pytest.raises(TrafficError, match="columns of dictionary<values=int64"):
        encoder.encode(batch_of(t=pa.array([1, 2]).dictionary_encode()))


def test_a_batch_of_another_type_or_without_a_column_is_an_error() -> None:
    encoder = Encoder(ModelConfig(inputs=(Input(name="x", features=("a",)),)), pa.schema([("a", pa.int64())]))
    with pytest.raises(TrafficError, match="columns of double for `a`, expected one of int64"):
        encoder.encode(batch_of(a=[1.0]))
    with pytest.raises(TrafficError, match="no such column for `a`"):
        encoder.encode(batch_of(b=[1]))


def test_all_problems_come_at_once_with_their_places() -> None:
    schema = pa.schema(
        [("I1", pa.float32()), ("name", pa.string()), ("when", pa.timestamp("us")), ("l", pa.list_(pa.int8()))]
    )
    model = ModelConfig(
        inputs=(
            Input(name="a", features=("I1", "I11", "name"), missing={"I1": 0.0, "*": 0}),
            Input(name="b", feature="when"),
            Input(name="c", feature="l"),
            Input(name="d", feature="I1", pad=0),
            Input(name="e", dtype="int64", feature="name", vocabulary="/nowhere/v.json"),
            Input(name="f", mask_of="d"),
        )
    )
    with pytest.raises(ConfigError) as caught:
        Encoder(model, schema)
    places = {problem.path: problem for problem in caught.value.problems}
    assert set(places) == {
        "model.inputs[0].features[1]",
        "model.inputs[0].features[2]",
        "model.inputs[1].feature",
        "model.inputs[2]",
        "model.inputs[3]",
        "model.inputs[4].vocabulary",
    }
    assert "did you mean `I1`" in places["model.inputs[0].features[1]"].message
    assert places["model.inputs[0].features[1]"].exit_code == 3
    assert "`vocabulary` or a `hash`" in places["model.inputs[0].features[2]"].message
    assert "log it as a number" in places["model.inputs[1].feature"].message
    assert "give `length`" in places["model.inputs[2]"].message
    assert places["model.inputs[4].vocabulary"].exit_code == 2
    assert set(check_features(model, schema)) == set(caught.value.problems)


def test_traffic_that_does_not_fit_is_refused_as_traffic() -> None:
    model = ModelConfig(inputs=(Input(name="a", features=("clicks",)), Input(name="b", feature="x")))
    with pytest.raises(TrafficError, match="no column `clicks`; did you mean `click`") as caught:
        Encoder(model, pa.schema([("click", pa.int8()), ("x", pa.string())]))
    assert "model.inputs[1].feature" in str(caught.value)


def test_a_mask_needs_a_list() -> None:
    model = ModelConfig(inputs=(Input(name="x", feature="a"), Input(name="m", mask_of="x")))
    with pytest.raises(ConfigError, match="expected a list"):
        Encoder(model, pa.schema([("a", pa.int8())]))


def test_one_value_that_does_not_fit_rejects_the_row_of_a_stack_of_one_type() -> None:
    batch = batch_of(a=[1, 2**24 + 1, 3], b=[4, 5, 6])
    tensors, reasons = encode(batch, Input(name="x", features=("a", "b")))
    assert tensors["x"].tolist() == [[1.0, 4.0], [0.0, 0.0], [3.0, 6.0]]
    assert reasons == ["", "not_representable", ""]


def test_refusals_name_every_feature_and_the_blame_is_the_firsts() -> None:
    batch = batch_of(a=[1.5, None, 2.0, 0.5], b=[7, 8, None, None], c=[[1], [1, 2], [1], [1]])
    encoder = Encoder(
        ModelConfig(
            inputs=(
                Input(name="x", dtype="int64", features=("b", "a")),
                Input(name="y", dtype="int64", feature="c", length=1),
            )
        ),
        batch.schema,
    )
    found = [
        (each.input, each.feature, [REJECT_REASONS[code] for code in each.reasons]) for each in encoder.refusals(batch)
    ]
    assert found == [
        ("x", "b", ["", "", "null_without_default", "null_without_default"]),
        ("x", "a", ["not_representable", "null_without_default", "", "not_representable"]),
        ("y", "c", ["", "wrong_length", "", ""]),
    ]
    rejected = encoder.encode(batch).rejected
    assert [REJECT_REASONS[code] for code in rejected] == [
        "not_representable",
        "null_without_default",
        "null_without_default",
        "null_without_default",
    ]
    assert encoder.blame(batch, rejected).to_pylist() == ["a", "a", "b", "b"]


def test_nobody_is_to_blame_for_accepted_rows() -> None:
    batch = batch_of(a=[1.0, None, 2.0])
    encoder = Encoder(ModelConfig(inputs=(Input(name="x", features=("a",)),)), batch.schema)
    assert encoder.blame(batch, encoder.encode(batch).rejected).to_pylist() == [None, "a", None]
    whole = batch_of(a=[1.0])
    assert encoder.blame(whole, encoder.encode(whole).rejected).to_pylist() == [None]
    assert encoder.refusals(whole) == ()
