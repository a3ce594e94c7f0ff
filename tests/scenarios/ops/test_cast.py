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
    with pytest.raises(ValidationError, match="'float16', 'bfloat16' or 'int8'"):
        changed(pa.array([1.0]), op="cast", dtype="int4")


def test_a_column_of_nulls():
    assert changed(pa.nulls(3), op="cast", dtype="int8").to_pylist() == [None] * 3


def test_what_the_schema_says():
    assert described("dtype") == ["cast: the type that values go through and come back from."]
