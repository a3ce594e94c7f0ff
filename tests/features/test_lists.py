from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.errors import ConfigError, ReplayError, TrafficError
from replay.features import REJECT_REASONS, Encoder


def encode(array: pa.Array, **entry: Any) -> tuple[list[Any], list[Any], list[str]]:
    """The tensor, its mask and the reasons of one list input."""
    inputs = (Input(name="l", feature="l", **{"dtype": "int64", **entry}), Input(name="m", dtype="int8", mask_of="l"))
    batch = pa.RecordBatch.from_arrays([array], ["l"])
    encoded = Encoder(ModelConfig(inputs=inputs), batch.schema).encode(batch)
    tensors = encoded.tensors
    return tensors["l"].tolist(), tensors["m"].tolist(), [REJECT_REASONS[code] for code in encoded.rejected]


def test_fixed_length() -> None:
    values, mask, reasons = encode(pa.array([[1, 2], [3], [4, 5, 6], None, [], [7, None]]), length=2)
    assert values == [[1, 2], *[[0, 0]] * 5]
    assert mask == [[1, 1], *[[0, 0]] * 5]
    null, wrong = "null_without_default", "wrong_length"
    assert reasons == ["", wrong, wrong, null, wrong, null]


def test_fixed_length_with_missing() -> None:
    values, mask, reasons = encode(pa.array([[1, None], None, [3]]), length=2, missing=-5)
    assert values == [[1, -5], [-5, -5], [0, 0]]
    assert mask == [[1, 1], [0, 0], [0, 0]]
    assert reasons == ["", "", "wrong_length"]


def test_padded_and_cut() -> None:
    values, mask, reasons = encode(pa.array([[1, 2, 3, 4], [5], [], None]), length=3, pad=-1, missing=-2)
    assert values == [[1, 2, 3], [5, -1, -1], [-1, -1, -1], [-2, -2, -2]]
    assert mask == [[1, 1, 1], [1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert reasons == [""] * 4


def test_padded_to_the_longest_of_the_batch() -> None:
    values, mask, _ = encode(pa.array([[1], [2, 3]]), pad=0)
    assert (values, mask) == ([[1, 0], [2, 3]], [[1, 0], [1, 1]])
    values, mask, _ = encode(pa.array([[], []], pa.list_(pa.int8())), pad=7)
    assert (values, mask) == ([[7], [7]], [[0], [0]])


def test_what_is_cut_off_is_not_looked_at() -> None:
    values, _, reasons = encode(pa.array([[1.0, 2.5], [1.5, 2.0], [1.0, None]]), length=1, pad=0)
    assert values == [[1], [0], [1]]
    assert reasons == ["", "not_representable", ""]


@pytest.mark.parametrize("kept", [1, 3, 7, 60, 300])
@pytest.mark.parametrize("start", [0, 5])
def test_long_and_short_lists_are_cut_and_padded_like_pythons_own(kept: int, start: int) -> None:
    random = np.random.default_rng(kept)
    lists = [random.integers(0, 9, size).tolist() for size in random.integers(0, 60, 200)]
    lists[random.integers(200)] = [1] * 500
    array = pa.array(lists, pa.list_(pa.int16())).slice(start)
    values, mask, _ = encode(array, length=kept, pad=-1)
    expected = [each[:kept] for each in lists[start:]]
    assert values == [each + [-1] * (kept - len(each)) for each in expected]
    assert mask == [[1] * len(each) + [0] * (kept - len(each)) for each in expected]


def test_rows_are_refused_by_what_is_theirs_alone() -> None:
    garbage = [2.5, None]  # between the rows, behind a null, and cut off
    values = pa.array([*garbage, 1.0, *garbage, *garbage, 0.5, 3.0, *garbage, 4.0], pa.float64())
    array = pa.ListViewArray.from_arrays(pa.array([2, 5, 7, 11, 0]), pa.array([3, None, 2, 1, 0]), values)
    found, mask, reasons = encode(array, length=2, pad=7, missing=-1)
    assert found == [[0, 0], [-1, -1], [0, 0], [4, 7], [7, 7]]
    assert reasons == ["not_representable", "", "not_representable", "", ""]
    found, mask, reasons = encode(array, length=1, pad=7, missing=-1)
    assert found == [[1], [-1], [0], [4], [7]]
    assert mask == [[1], [0], [0], [1], [0]]
    assert reasons == ["", "", "not_representable", "", ""]


def test_the_first_refused_element_gives_the_reason() -> None:
    _, _, reasons = encode(pa.array([[None, 0.5], [0.5, None]]), pad=0)
    assert reasons == ["null_without_default", "not_representable"]


def test_rows_with_garbage_between_them() -> None:
    values = pa.array([9, 1, 2, 9, 3, 9], pa.int16())
    validity = pa.py_buffer(np.packbits([1, 0, 1], bitorder="little").tobytes())
    offsets = pa.py_buffer(np.array([1, 3, 4, 5], np.int32).tobytes())
    # The middle row is null, but has an element below it.
    array = pa.Array.from_buffers(pa.list_(pa.int16()), 3, [validity, offsets], children=[values])
    assert encode(array, pad=0, missing=-1)[0] == [[1, 2], [-1, -1], [3, 0]]


def test_a_list_view_in_any_order_and_overlapping() -> None:
    array = pa.ListViewArray.from_arrays(pa.array([2, 0, 1, 3]), pa.array([2, 1, 2, 0]), pa.array([10, 20, 30, 40]))
    assert encode(array, pad=0)[0] == [[30, 40], [10, 0], [20, 30], [0, 0]]
    assert encode(array.slice(1, 2), pad=0)[0] == [[10, 0], [20, 30]]


def test_a_vector_of_fixed_size_needs_no_length() -> None:
    array = pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2))
    assert encode(array.slice(1), dtype="float32", missing=0)[0] == [[0.0, 0.0], [3.0, 4.0]]
    assert encode(array, length=1, pad=0)[0] == [[1], [0], [3]]


def test_a_fixed_shape_tensor_column() -> None:
    storage = pa.array([[1, 2, 3], [4, 5, 6]], pa.list_(pa.float32(), 3))
    array = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), (3,)), storage)
    assert encode(array, dtype="float32")[0] == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def test_elements_may_be_dictionary_encoded() -> None:
    inner = pa.array([5, 6, 5, 6, 6]).dictionary_encode()
    array = pa.ListArray.from_arrays(pa.array([0, 2, 3, 5], pa.int32()), inner)
    assert encode(array.slice(1), pad=0)[0] == [[5, 0], [6, 6]]


@pytest.mark.parametrize(
    ("kind", "entry", "error", "message"),
    [
        (pa.list_(pa.int8()), {}, ConfigError, "give `length`"),
        (pa.list_(pa.int8(), 3), {"length": 4}, TrafficError, "expected lists of 4"),
        (pa.list_(pa.int8(), 0), {}, TrafficError, "are empty"),
        (pa.list_(pa.list_(pa.int8())), {"length": 2}, TrafficError, "cannot be stacked or nested"),
        (pa.list_(pa.string()), {"length": 2}, TrafficError, "`vocabulary` or a `hash`"),
        (pa.int8(), {"length": 2}, TrafficError, "are for lists"),
        (pa.null(), {"length": 2}, TrafficError, "null type"),
    ],
)
def test_what_does_not_fit(kind: pa.DataType, entry: dict[str, Any], error: type[ReplayError], message: str) -> None:
    inputs = (Input(name="l", feature="l", **entry),)
    with pytest.raises(error, match=message):
        Encoder(ModelConfig(inputs=inputs), pa.schema([("l", kind)]))


def test_a_list_cannot_be_stacked() -> None:
    model = ModelConfig(inputs=(Input(name="x", features=("a", "l")),))
    with pytest.raises(TrafficError, match="a list is a `feature` of its own"):
        Encoder(model, pa.schema([("a", pa.int8()), ("l", pa.list_(pa.int8()))]))


VECTOR = pa.struct(
    [("type", pa.int8()), ("size", pa.int32()), ("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float64()))]
)
DENSE = {"type": 1, "size": None, "indices": None, "values": [1.0, 2.0, 3.0]}
SPARSE = {"type": 0, "size": 3, "indices": [2, 0], "values": [5.0, -1.0]}
EMPTY = {"type": 0, "size": 3, "indices": [], "values": []}


def test_spark_ml_vectors() -> None:
    array = pa.array([DENSE, SPARSE, None, EMPTY, DENSE], VECTOR)
    values, mask, reasons = encode(array, dtype="float32", length=3)
    assert values == [[1, 2, 3], [-1, 0, 5], [0, 0, 0], [0, 0, 0], [1, 2, 3]]
    assert mask == [[1] * 3, [1] * 3, [0] * 3, [1] * 3, [1] * 3]
    assert reasons == ["", "", "null_without_default", "", ""]
    assert encode(array.slice(1, 2), dtype="float32", length=3, missing=9)[0] == [[-1, 0, 5], [9, 9, 9]]
    assert encode(pa.array([None, DENSE], VECTOR), dtype="float32", length=2, pad=0, missing=9)[0] == [[9, 9], [1, 2]]


def test_encode_features_widens_a_ragged_input_but_never_narrows_it() -> None:
    inputs = (Input(name="l", dtype="int64", feature="l", pad=0), Input(name="m", mask_of="l"))
    batch = pa.RecordBatch.from_pydict({"l": [[1, 2], [3]]})
    encoder = Encoder(ModelConfig(inputs=inputs), batch.schema)
    clean = encoder.encode(batch).tensors
    shorter = encoder.encode_features(
        {"l": pa.array([[7]])}, {name: tensor[:1].clone() for name, tensor in clean.items()}
    )
    assert shorter.tensors["l"].tolist() == [[7, 0]]
    assert shorter.tensors["m"].tolist() == [[1.0, 0.0]]
    longer = encoder.encode_features(
        {"l": pa.array([[7, 8, 9]])}, {name: tensor[:1].clone() for name, tensor in clean.items()}
    )
    assert longer.tensors["l"].tolist() == [[7, 8, 9]]
    assert longer.tensors["m"].tolist() == [[1.0, 1.0, 1.0]]


def test_encode_features_touches_only_what_it_is_given() -> None:
    inputs = (Input(name="s", features=("a", "b"), missing={"a": 0}), Input(name="x", feature="b"))
    batch = pa.RecordBatch.from_pydict({"a": [1, 2], "b": [3, 4]})
    encoder = Encoder(ModelConfig(inputs=inputs), batch.schema)
    into = {name: torch.full_like(tensor, 50.0) for name, tensor in encoder.encode(batch).tensors.items()}
    result = encoder.encode_features({"a": pa.array([None, 9])}, into)
    assert result.tensors["s"].tolist() == [[0.0, 50.0], [9.0, 50.0]]
    assert result.tensors["s"] is into["s"]
    assert result.tensors["x"] is into["x"]
    assert result.rejected.tolist() == [0, 0]


def test_encode_features_refuses_what_is_not_as_logged() -> None:
    inputs = (Input(name="s", features=("a",)),)
    encoder = Encoder(ModelConfig(inputs=inputs), pa.schema([("a", pa.int64()), ("b", pa.int64())]))
    into = {"s": torch.zeros(2, 1)}
    with pytest.raises(ValueError, match="no input reads `b`"):
        encoder.encode_features({"b": pa.array([1, 2])}, into)
    with pytest.raises(ValueError, match="found `a` as double, expected int64"):
        encoder.encode_features({"a": pa.array([1.0, 2.0])}, into)
    with pytest.raises(ValueError, match="found 1 rows of `a`, expected 2"):
        encoder.encode_features({"a": pa.array([1])}, into)


def reference(lists: list[Any], width: int, pad: int, keep: str, side: str) -> tuple[list[Any], list[Any]]:
    """Padded lists and masks in plain Python; a null list is -7 everywhere, and so is a null element."""
    rows, masks = [], []
    for each in lists:
        kept = (
            []
            if each is None
            else [-7 if one is None else one for one in (each[:width] if keep == "first" else each[-width:])]
        )
        room = width - len(kept)
        padding = [-7 if each is None else pad] * room
        rows.append(kept + padding if side == "right" else padding + kept)
        masks.append([1] * len(kept) + [0] * room if side == "right" else [0] * room + [1] * len(kept))
    return rows, masks


def some_lists(seed: int = 3) -> list[Any]:
    draw = np.random.default_rng(seed)
    lists: list[Any] = [draw.integers(1, 50, draw.integers(0, 9)).tolist() for _ in range(600)]
    lists[5] = lists[77] = None
    lists[6:8] = [[], [4, None, 5, None, 6, 7]]
    return lists


@pytest.mark.parametrize("keep", ["first", "last"])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("pad", [0, 99])
@pytest.mark.parametrize("length", [1, 4, 12, None])
def test_600_lists_kept_and_padded(length: int | None, pad: int, side: str, keep: str) -> None:
    lists = some_lists()
    keys = {"pad": pad, "pad_side": side, "missing": -7, **({"length": length, "keep": keep} if length else {})}
    for start, stop in ((0, 600), (70, 90), (5, 8)):
        array = pa.array(lists, pa.list_(pa.int64())).slice(start, stop - start)
        width = length or max(len(each or []) for each in lists[start:stop])
        values, mask, reasons = encode(array, **keys)
        assert (values, mask) == reference(lists[start:stop], width, pad, keep, side)
        assert set(reasons) == {""}


@pytest.mark.parametrize("keep", ["first", "last"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_only_what_is_kept_can_refuse_a_row(keep: str, side: str) -> None:
    lists = [[1, 2, 300], [300, 1, 2], [300], [1], []]
    kept = [each[:2] if keep == "first" else each[-2:] for each in lists]
    values, mask, reasons = encode(pa.array(lists), dtype="int8", length=2, pad=-1, keep=keep, pad_side=side)
    assert reasons == ["not_representable" if 300 in each else "" for each in kept]
    assert values[3] == ([1, -1] if side == "right" else [-1, 1])
    assert mask[3] == ([1, 0] if side == "right" else [0, 1])
    assert values[4] == [-1, -1]


@pytest.mark.parametrize("length", [3, None])
def test_a_scenarios_lists_are_padded_alike(length: int | None) -> None:
    lists = some_lists()
    entry = {"dtype": "int64", "pad": 9, "pad_side": "left", "missing": -7}
    entry |= {"length": length, "keep": "last"} if length else {}
    inputs = (Input(name="l", feature="l", **entry), Input(name="m", dtype="int8", mask_of="l"))
    batch = pa.RecordBatch.from_arrays([pa.array(lists, pa.list_(pa.int64()))], ["l"])
    encoder = Encoder(ModelConfig(inputs=inputs), batch.schema)
    again = encoder.encode(batch).tensors
    changed = [[1, 2, 3, 4, 5], *lists[1:]]
    found = encoder.encode_features({"l": pa.array(changed, pa.list_(pa.int64()))}, again).tensors
    width = length or max(len(each or []) for each in changed)
    assert (found["l"].tolist(), found["m"].tolist()) == reference(changed, width, 9, "last", "left")


@pytest.mark.parametrize("dtype", ["int64", "int32", "float32"])
def test_lengths_of_padded_lists(dtype: str) -> None:
    lists = some_lists()
    inputs = (
        Input(name="l", feature="l", dtype="int64", length=4, pad=0, keep="last", missing=-7),
        Input(name="n", dtype=dtype, lengths_of="l"),
    )
    batch = pa.RecordBatch.from_arrays([pa.array(lists, pa.list_(pa.int64()))], ["l"])
    found = Encoder(ModelConfig(inputs=inputs), batch.schema).encode(batch).tensors["n"]
    assert found.tolist() == [min(len(each or []), 4) for each in lists]
    assert str(found.dtype) == f"torch.{dtype}"
