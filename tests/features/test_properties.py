"""Whatever is logged, the encoder gives what the oracle gives: same tensors, same reasons."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.hash import Hash
from replay.config.sections.model.input import Input
from replay.features import REJECT_REASONS, Encoder
from tests.features import oracle
from tests.features.strategies import (
    DTYPES,
    INTEGER_TYPES,
    NUMBER_TYPES,
    TEXT_TYPES,
    column,
    list_column,
    number_column,
    values_of,
)

MISSING = {"none": None, "one": 1, "zero": 0.0}


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    return found == expected or (isinstance(found, float) and math.isnan(found) and math.isnan(expected))


def assert_encodes(
    inputs: Sequence[Input],
    batch: pa.RecordBatch,
    steps: Mapping[str, Sequence[Any]] | None = None,
    lists: Sequence[str] = (),
) -> None:
    encoded = Encoder(ModelConfig(inputs=tuple(inputs)), batch.schema).encode(batch)
    tensors, reasons = oracle.encode(inputs, batch, steps, lists)
    assert [REJECT_REASONS[code] for code in encoded.rejected] == reasons
    for entry in inputs:
        tensor = encoded.tensors[entry.name]
        assert tensor.dtype == getattr(torch, entry.dtype)
        assert same(tensor.tolist(), tensors[entry.name]), (entry, tensor, tensors[entry.name])


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_numbers(data: st.DataObject) -> None:
    num_rows, width = data.draw(st.integers(0, 12)), data.draw(st.integers(1, 4))
    alike = data.draw(st.booleans())  # columns of one type are stacked in another way
    kinds = [data.draw(st.sampled_from(NUMBER_TYPES))] if alike else NUMBER_TYPES
    arrays = [data.draw(number_column(num_rows, kinds)) for _ in range(width)]
    names = [f"c{place}" for place in range(width)]
    missing = MISSING[data.draw(st.sampled_from(list(MISSING)))]
    inputs = [
        Input(name="s", dtype=data.draw(st.sampled_from(DTYPES)), features=names, missing=missing),
        Input(name="x", dtype=data.draw(st.sampled_from(DTYPES)), feature="c0", missing={"c0": 1}),
    ]
    assert_encodes(inputs, pa.RecordBatch.from_arrays(arrays, names))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_lists(data: st.DataObject) -> None:
    num_rows = data.draw(st.integers(0, 8))
    array = data.draw(list_column(num_rows, NUMBER_TYPES[:-1]))
    pad = data.draw(st.sampled_from([None, 0, 1]))
    fixed = pa.types.is_fixed_size_list(array.type)
    length = data.draw(st.sampled_from([3] if pad is None else [None, 2, 3, 7]))
    inputs = [
        Input(
            name="l",
            dtype=data.draw(st.sampled_from(DTYPES)),
            feature="v",
            length=None if fixed and data.draw(st.booleans()) and pad is None else length,
            pad=pad,
            missing=MISSING[data.draw(st.sampled_from(list(MISSING)))],
        ),
        Input(name="m", dtype=data.draw(st.sampled_from(DTYPES)), mask_of="l"),
    ]
    batch = pa.RecordBatch.from_arrays([array], ["v"])
    expected = [inputs[0].model_copy(update={"length": 3 if pad is None else length}), inputs[1]]
    encoded = Encoder(ModelConfig(inputs=tuple(inputs)), batch.schema).encode(batch)
    tensors, reasons = oracle.encode(expected, batch, lists=["l"])
    assert [REJECT_REASONS[code] for code in encoded.rejected] == reasons
    assert {name: same(tensor.tolist(), tensors[name]) for name, tensor in encoded.tensors.items()} == {
        "l": True,
        "m": True,
    }


@pytest.fixture(scope="module")
def vocabularies(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("vocabularies")
    paths = [folder / "object.json", folder / "list.json"]
    paths[0].write_text(json.dumps({"a": 4, "é": 2, "7": 2, "0": 1, "-1": 5}))
    paths[1].write_text(json.dumps(["b", 7, "", 3, "x" * 40]))
    return paths


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_vocabularies_and_hashes(data: st.DataObject, vocabularies: list[Path]) -> None:
    num_rows = data.draw(st.integers(0, 10))
    kinds = [*TEXT_TYPES, *INTEGER_TYPES, pa.decimal128(20, 0)]
    names = ["c0", "c1", "c2"]
    arrays = []
    for _ in names:
        kind = data.draw(st.sampled_from(kinds))
        arrays.append(data.draw(column(values_of(kind), kind, num_rows, data.draw(st.booleans()))))
    arrays.append(data.draw(list_column(num_rows, kinds)))
    if data.draw(st.booleans()):
        how: dict[str, Any] = {"vocabulary": str(data.draw(st.sampled_from(vocabularies)))}
        how["unknown"] = data.draw(st.sampled_from([None, 0, 99]))
    else:
        function = data.draw(st.sampled_from(["xxhash64", "crc32", "md5"]))
        seed = data.draw(st.sampled_from([0, 2**64 - 1])) if function == "xxhash64" else 0
        how = {"hash": Hash(function=function, buckets=data.draw(st.sampled_from([1, 7, 2**31])), seed=seed)}
    how |= {"dtype": data.draw(st.sampled_from(["int64", "int32"])), "missing": data.draw(st.sampled_from([None, 3]))}
    how["offset"] = data.draw(st.sampled_from([0, -2]))
    inputs = [
        Input(name="s", features=names, **how),
        Input(name="x", feature="c1", **how),
        Input(name="l", feature="v", pad=0, **how),
        Input(name="m", dtype="bool", mask_of="l"),
    ]
    assert_encodes(inputs, pa.RecordBatch.from_arrays(arrays, [*names, "v"]), lists=["l"])


NESTED = pa.struct(
    [
        ("n", pa.int16()),
        ("in", pa.struct([("x", pa.float32()), ("l", pa.list_(pa.int8()))])),
        ("map", pa.map_(pa.string(), pa.int64())),
    ]
)
STEPS: dict[str, Sequence[Any]] = {
    "root.n": ("root", "n"),
    "root.in.x": ("root", "in", "x"),
    "root.in.l": ("root", "in", "l"),
    "root.map.k": ("root", "map", "k"),
    "root.map.k.2": ("root", "map", "k.2"),
    "root.map.gone": ("root", "map", "gone"),
    "deep.5.n": ("deep", 5, "n"),
    "deep.-1.in.x": ("deep", -1, "in", "x"),
    "deep.5.map.k": ("deep", 5, "map", "k"),
}


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


_INT8 = st.integers(-128, 127)
_STRUCTS = st.fixed_dictionaries(
    {
        "n": _maybe(_INT8),
        "in": _maybe(
            st.fixed_dictionaries({"x": _maybe(st.floats(width=32)), "l": _maybe(st.lists(_maybe(_INT8), max_size=3))})
        ),
        "map": _maybe(
            st.dictionaries(st.sampled_from(["k", "k.2", "j"]), _maybe(_INT8)).map(lambda found: [*found.items()])
        ),
    }
)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_paths(data: st.DataObject) -> None:
    num_rows = data.draw(st.integers(0, 8))
    deep = st.dictionaries(st.sampled_from([5, -1, 3]), _maybe(_STRUCTS)).map(lambda found: [*found.items()])
    batch = pa.RecordBatch.from_arrays(
        [
            data.draw(column(_STRUCTS, NESTED, num_rows, nulls=data.draw(st.booleans()))),
            data.draw(column(deep, pa.map_(pa.int32(), NESTED), num_rows, nulls=data.draw(st.booleans()))),
        ],
        ["root", "deep"],
    ).slice(data.draw(st.integers(0, num_rows)))
    inputs = [
        Input(
            name="s",
            features=[name for name in STEPS if not name.endswith(".l")],
            missing=data.draw(_maybe(st.just(-7))),
        ),
        Input(name="l", dtype="int64", feature="root.in.l", pad=0, missing=1),
        Input(name="m", dtype="int8", mask_of="l"),
    ]
    assert_encodes(inputs, batch, STEPS, lists=["l"])


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_a_scenario_changes_is_encoded_alone(data: st.DataObject, vocabularies: list[Path]) -> None:
    num_rows = data.draw(st.integers(1, 10))
    names = ["a", "b", "c", "t", "v"]

    def columns() -> list[pa.Array]:
        numbers = [data.draw(number_column(num_rows, [kind])) for kind in (pa.float32(), pa.int64(), pa.float64())]
        text = data.draw(column(values_of(pa.string()), pa.string(), num_rows, nulls=True))
        lists = pa.array(data.draw(st.lists(st.lists(_INT8, max_size=4), min_size=num_rows, max_size=num_rows)))
        arrays = [
            array.dictionary_decode() if pa.types.is_dictionary(array.type) else array for array in (*numbers, text)
        ]
        return [*arrays, lists.cast(pa.list_(pa.int8()))]

    inputs = (
        Input(name="s", dtype=data.draw(st.sampled_from(DTYPES)), features=("a", "b", "c"), missing={"b": 1}),
        Input(name="half", dtype="bfloat16", features=("b", "a"), missing=0),
        Input(name="x", feature="a", missing=1),
        Input(name="t", dtype="int64", feature="t", vocabulary=str(vocabularies[0]), unknown=0),
        Input(name="v", feature="v", length=3, pad=0),
        Input(name="ragged", dtype="int32", feature="v", pad=-1),
        Input(name="m", mask_of="ragged"),
    )
    before, after = (pa.RecordBatch.from_arrays(columns(), names) for _ in range(2))
    encoder = Encoder(ModelConfig(inputs=inputs), before.schema)
    clean = encoder.encode(before)
    rows = [row for row in range(num_rows) if clean.rejected[row] == 0 and data.draw(st.booleans())]
    changed = data.draw(st.sets(st.sampled_from(names), min_size=1))
    picked = pa.array(rows, pa.int64())

    mixed = pa.RecordBatch.from_arrays(
        [(after if name in changed else before).column(name).take(picked) for name in names], names
    )
    columns_given = {name: mixed.column(name) for name in changed}
    result = encoder.encode_features(columns_given, {name: tensor[rows] for name, tensor in clean.tensors.items()})
    whole = encoder.encode(mixed)

    assert result.rejected.tolist() == whole.rejected.tolist()
    assert list(result.tensors) == list(clean.tensors)
    for name, tensor in result.tensors.items():
        expected = whole.tensors[name]
        if tensor.ndim == 2 and tensor.shape[1] > expected.shape[1]:  # ragged: as wide as the batch it came from
            assert name in ("ragged", "m")
            padding = -1 if name == "ragged" else 0
            beyond = tensor[:, expected.shape[1] :][torch.from_numpy(whole.rejected == 0)]
            assert bool((beyond == padding).all())
            tensor = tensor[:, : expected.shape[1]]
        assert torch.equal(
            tensor.nan_to_num(nan=1234.5) if tensor.is_floating_point() else tensor,
            expected.nan_to_num(nan=1234.5) if expected.is_floating_point() else expected,
        )
