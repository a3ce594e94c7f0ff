"""cast: round trips through smaller types, against hands and torch."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from replay.features.codecs.base import NUMPY_TYPES
from tests.scenarios.making import changed, described

floats = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_round_trips_are_torchs(kind, dtype):
    numbers = np.concatenate([np.random.default_rng(0).normal(size=500) * 1000, [1e6, -0.0, np.inf, np.nan]])
    numbers = numbers.astype(NUMPY_TYPES[kind])
    expected = torch.from_numpy(numbers).to(getattr(torch, dtype)).to(torch.from_numpy(numbers).dtype).numpy()

    np.testing.assert_array_equal(changed(pa.array(numbers), op="cast", dtype=dtype).to_numpy(), expected)


def test_integers_through_half_precision():
    array = pa.array([2049, 2051, 100_000, None], pa.int32())

    assert changed(array, op="cast", dtype="float16").to_pylist() == [2048, 2052, 2**31 - 1, None]


def test_through_int8():
    array = pa.array([0.5, 1.5, -3.7, 1000.0, -1000.0, None])

    assert changed(array, op="cast", dtype="int8").to_pylist() == [0, 2, -4, 127, -128, None]
    assert np.isnan(changed(pa.array([np.nan]), op="cast", dtype="int8").to_numpy()).all()
    assert changed(pa.array([300, -300, 7]), op="cast", dtype="int8").to_pylist() == [127, -128, 7]


@given(st.lists(floats, min_size=1), st.sampled_from(["float16", "bfloat16", "int8"]))
@settings(max_examples=50, deadline=None)
def test_a_second_cast_changes_nothing(values, dtype):
    once = changed(pa.array(values), op="cast", dtype=dtype)

    assert changed(once, op="cast", dtype=dtype).equals(once)


@pytest.mark.parametrize(
    ("dtype", "spacing"),
    [("float16", 2**-10), ("bfloat16", 2**-7)],  # of the numbers from 1 to 2
)
def test_halves_between_two_neighbours_go_to_the_even_one(dtype, spacing):
    array = pa.array([1 + 0.5 * spacing, 1 + 1.5 * spacing, 1 + spacing, None])

    assert changed(array, op="cast", dtype=dtype).to_pylist() == [1, 1 + 2 * spacing, 1 + spacing, None]


def test_beyond_half_precision():
    limits = [65504.0, 65519.0, 65520.0, -65520.0]  # 65520 is halfway to what would be the next one

    assert changed(pa.array(limits), op="cast", dtype="float16").to_pylist() == [65504, 65504, np.inf, -np.inf]
    assert changed(pa.array([70_000, -70_000], pa.int32()), op="cast", dtype="bfloat16").to_pylist() == [70144, -70144]


def test_decimals():
    kind = pa.decimal128(9, 3)
    array = pa.array([Decimal("2.500"), Decimal("3.500"), Decimal("-200.125"), None], kind)

    assert changed(array, op="cast", dtype="int8").to_pylist() == [Decimal(2), Decimal(4), Decimal(-128), None]
    # float16 is spaced 2 ** -3 from 128 to 256, bfloat16 by 1.
    assert changed(array, op="cast", dtype="float16").to_pylist() == array.to_pylist()
    assert changed(array, op="cast", dtype="bfloat16").to_pylist()[2] == Decimal(-200)
    beyond = pa.array([Decimal("999999.999")], kind)
    assert changed(beyond, op="cast", dtype="float16").to_pylist() == [Decimal("999999.999")]


def test_every_element_of_a_list():
    array = pa.array([[0.5, None, 200.0], None, []], pa.list_(pa.float32()))

    assert changed(array, op="cast", dtype="int8").to_pylist() == [[0, None, 127], None, []]


def test_a_type_that_it_does_not_know():
    with pytest.raises(ValidationError, match="'float16', 'bfloat16', 'int8'"):
        changed(pa.array([1.0]), op="cast", dtype="int4")


def test_a_column_of_nulls():
    assert changed(pa.nulls(3), op="cast", dtype="int8").to_pylist() == [None] * 3


def test_what_the_schema_says():
    assert described("dtype") == ["cast: the type that values go through and come back from."]


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"])
@pytest.mark.parametrize("kind", [pa.int64(), pa.int32(), pa.uint16()], ids=str)
def test_integers_wrap_as_numpy_does(kind, dtype):
    info = np.iinfo(NUMPY_TYPES[kind])
    numbers = [int(info.min), int(info.max), 0, 1, 200, 40_000 % (int(info.max) + 1), int(info.max) // 3]
    array = pa.array([*numbers, None], kind)
    narrow = np.array(numbers, NUMPY_TYPES[kind]).astype(dtype).tolist()
    expected = [min(max(one, int(info.min)), int(info.max)) for one in narrow]

    assert changed(array, op="cast", dtype=dtype, overflow="wrap").to_pylist() == [*expected, None]


def test_ids_of_64_bits_keep_every_digit():
    ids = [2**62 + 1, 2**53 + 1, -(2**63), 2**32 + 7, 7]
    array = pa.array(ids, pa.int64())
    torch_float = torch.tensor(ids).to(torch.float32).double().tolist()

    assert changed(array, op="cast", dtype="int64").to_pylist() == ids
    assert changed(array, op="cast", dtype="int32", overflow="wrap").to_pylist() == [1, 1, 0, 7, 7]
    assert changed(array, op="cast", dtype="int32").to_pylist() == [2**31 - 1, 2**31 - 1, -(2**31), 2**31 - 1, 7]
    assert changed(array, op="cast", dtype="float32").to_pylist() == [int(one) for one in torch_float]
    assert changed(pa.array([2**24 + 1, 2**24]), op="cast", dtype="float32").to_pylist() == [2**24, 2**24]


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [("nearest", [2, -2, 0, 2, -3]), ("down", [1, -3, 0, 2, -3]), ("toward_zero", [1, -2, 0, 2, -2])],
)
def test_fractions_become_integers(rounding, expected):
    numbers = [1.7, -2.3, 0.5, 2.5, -2.6]
    python = {"nearest": round, "down": np.floor, "toward_zero": int}[rounding]

    found = changed(pa.array(numbers), op="cast", dtype="int64", rounding=rounding).to_pylist()
    assert found == expected == [python(one) for one in numbers]


@pytest.mark.parametrize("decimals", [0, 1, 2, 6])
def test_decimal_places_as_python_rounds(decimals):
    numbers = np.random.default_rng(3).normal(size=200) * 50
    array = pa.array([*numbers, np.inf, np.nan, 1e300])

    found = changed(array, op="cast", decimals=decimals).to_numpy()
    np.testing.assert_allclose(found[:200], [round(one, decimals) for one in numbers], rtol=0, atol=1e-14)
    assert (found[200], np.isnan(found[201]), found[202]) == (np.inf, True, 1e300)
    cut = changed(pa.array([1.239, -1.239]), op="cast", decimals=2, rounding="toward_zero").to_pylist()
    assert cut == [1.23, -1.23]


def test_floats_beyond_an_integer_type():
    array = pa.array([300.7, -1.2, 255.0, np.inf, np.nan])

    clamped = changed(array, op="cast", dtype="uint8", rounding="toward_zero").to_pylist()
    wrapped = changed(array, op="cast", dtype="uint8", rounding="toward_zero", overflow="wrap").to_pylist()
    assert clamped[:4] == [255, 0, 255, 255]
    assert wrapped[:4] == [44, 255, 255, np.inf]  # 300 - 256, -1 + 256
    assert np.isnan(clamped[4])
    assert np.isnan(wrapped[4])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"dtype": "int8", "decimals": 1}, "takes one of `dtype`, `decimals`, found both"),
        ({"dtype": "float16", "rounding": "down"}, "float16 rounds as it does"),
        ({"dtype": "bfloat16", "overflow": "wrap"}, "is for integer types"),
        ({"decimals": 2, "overflow": "wrap"}, "is for integer types"),
        ({"decimals": -1}, "greater than or equal to 0"),
    ],
    ids=["two at once", "rounding of a float", "overflow of a float", "overflow of places", "tens"],
)
def test_arguments_that_do_not_go_together(step, message):
    with pytest.raises(ValidationError, match=message):
        changed(pa.array([1.0]), op="cast", **step)
