"""scale: a factor or a function, on every kind of number."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from replay.features.codecs.base import NUMPY_TYPES
from tests.scenarios.making import FLOATS, INTEGERS, changed, described


@pytest.mark.parametrize("kind", INTEGERS)
def test_scaled_integers_round_half_to_even_and_stay_in_range(kind):
    info = np.iinfo(NUMPY_TYPES[kind])
    array = pa.array([1, 3, None, info.max, info.min], kind)

    assert changed(array, op="scale", factor=0.5).to_pylist()[:3] == [0, 2, None]  # 0.5 -> 0, 1.5 -> 2
    assert changed(array, op="scale", factor=4.0).to_pylist() == [4, 12, None, info.max, info.min]
    assert changed(array, op="scale", factor=1.0).to_pylist() == array.to_pylist()
    negated = changed(array, op="scale", factor=-4.0).to_pylist()
    assert negated == [max(-4, info.min), max(-12, info.min), None, info.min, info.max if info.min else 0]


@pytest.mark.parametrize("kind", FLOATS)
def test_scaled_floats(kind):
    array = pa.array(np.array([1.5, -2.0, np.nan, np.inf, 60000], NUMPY_TYPES[kind]))
    expected = (array.to_numpy().astype(np.float64) * 2).astype(np.float32 if kind == pa.float32() else np.float64)
    with np.errstate(over="ignore"):
        expected = expected.astype(NUMPY_TYPES[kind])

    np.testing.assert_array_equal(changed(array, op="scale", factor=2.0).to_numpy(), expected)


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_functions_of_floats(kind):
    dtype = kind.to_pandas_dtype()
    values = np.array([-2, 0, 1, np.e - 1, 1e30, np.inf, np.nan]).astype(dtype)
    array = pa.array(values)
    wide = values.astype(np.float64)

    logarithms = np.log1p(np.where(wide < 0, 0, wide)).astype(dtype)  # negative values count as 0
    np.testing.assert_array_equal(changed(array, op="scale", function="log1p").to_numpy(), logarithms)
    with np.errstate(over="ignore"):
        exponentials = np.expm1(wide).astype(dtype)
    np.testing.assert_array_equal(changed(array, op="scale", function="expm1").to_numpy(), exponentials)


def test_functions_of_integers_and_lists_round():
    counts = pa.array([[0, 1, None, 100], None, [-5]], pa.list_(pa.int32()))

    assert changed(counts, op="scale", function="log1p").to_pylist() == [[0, 1, None, 5], None, [0]]
    assert changed(pa.array([0, 1, 3, 100], pa.int8()), op="scale", function="expm1").to_pylist() == [0, 2, 19, 127]


def test_scaled_decimals():
    array = pa.array([Decimal("1.25"), None, Decimal("-0.05"), Decimal("9999999.99")], pa.decimal128(9, 2))

    assert changed(array, op="scale", factor=2.0).to_pylist() == [
        Decimal("2.50"), None, Decimal("-0.10"), Decimal("9999999.99")
    ]  # fmt: skip
    assert changed(array, op="scale", factor=0.5).to_pylist()[:3] == [Decimal("0.62"), None, Decimal("-0.02")]
    assert changed(array, op="scale", factor=1.0).to_pylist() == array.to_pylist()


def test_scaled_decimals_of_many_digits():
    kind = pa.decimal128(38, 3)
    array = pa.array([Decimal("2.125"), None, Decimal("12345678901234567890123456789012345.678")], kind)

    assert changed(array, op="scale", factor=2.0).to_pylist()[:2] == [Decimal("4.250"), None]
    assert changed(array, op="scale", factor=1.0).to_pylist() == array.to_pylist()
    most = changed(array, op="scale", factor=1e30).to_pylist()[2]
    assert Decimal("0.99") * 10**35 < most < 10**35


def test_scaled_bools_are_zero_or_one():
    array = pa.array([True, False, None])

    assert changed(array, op="scale", factor=3.0).to_pylist() == [True, False, None]
    assert changed(array, op="scale", factor=0.5).to_pylist() == [False, False, None]


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.large_list(pa.float32()), pa.list_view(pa.float32()), pa.list_(pa.int16())]
)
def test_every_element_of_a_list(kind):
    array = pa.array([[1, None, 3], None, [], [4]], kind)

    assert changed(array, op="scale", factor=2.0).to_pylist() == [[2, None, 6], None, [], [8]]


def test_an_embedding():
    array = pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2))

    assert changed(array, op="scale", factor=-1.0).to_pylist() == [[-1, -2], None, [-3, -4]]


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1), st.integers(-1000, 1000))
@settings(max_examples=50, deadline=None)
def test_scaling_integers_by_integers_is_exact(values, factor):
    result = changed(pa.array(values, pa.int32()), op="scale", factor=factor).to_pylist()

    assert result == [min(max(value * factor, -(2**31)), 2**31 - 1) for value in values]


def test_one_factor_or_function_that_is_a_number():
    for factor, message in ((float("nan"), "finite number"), (float("inf"), "finite number"), (True, "found true")):
        with pytest.raises(ValidationError, match=message):
            changed(pa.array([1.0]), op="scale", factor=factor)
    with pytest.raises(ValidationError, match="'log1p' or 'expm1'"):
        changed(pa.array([1.0]), op="scale", function="sqrt")


def test_a_column_of_nulls():
    assert changed(pa.nulls(3), op="scale", factor=2).to_pylist() == [None] * 3


def test_what_the_schema_says():
    assert described("factor", "function") == [
        "scale: what values are multiplied with.",
        "scale: instead of `factor`, the function that is applied: log1p (of 0 where a value is negative) or expm1.",
    ]
