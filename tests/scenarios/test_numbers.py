"""Arithmetic on every kind of number, back in its own type."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from replay.errors import ConfigError
from replay.scenarios.numbers import (
    add_to_numbers,
    bounds,
    from_numpy,
    from_unscaled,
    is_integral,
    map_numbers,
    to_integers,
    unscaled,
)
from tests.scenarios.making import FLOATS, INTEGERS, changed


@pytest.mark.parametrize(
    "step",
    [
        {"op": "noise", "std": 1.0},
        {"op": "scale", "factor": 2.0},
        {"op": "clip", "min": 0},
        {"op": "cast", "dtype": "int8"},
        {"op": "bitflip"},
    ],
)
@pytest.mark.parametrize("kind", [pa.string(), pa.list_(pa.string()), pa.dictionary(pa.int8(), pa.string())])
def test_text_is_no_number(kind, step):
    array = pa.array([[]] if pa.types.is_list(kind) else ["a"]).cast(kind)

    with pytest.raises(ConfigError, match=r"scenarios\.s\[0\]\.features: .* changes numbers, but `x` is logged as"):
        changed(array, **step)


@pytest.mark.parametrize("step", [{"op": "noise", "std": 1}, {"op": "scale", "factor": 2}, {"op": "bitflip"}])
def test_a_column_of_nulls(step):
    assert changed(pa.nulls(3), **step).to_pylist() == [None] * 3


def test_what_to_do_with_a_feature_that_holds_no_numbers():
    with pytest.raises(ConfigError) as caught:
        changed(pa.array([datetime(2026, 1, 1)]), op="scale", factor=2)

    (problem,) = caught.value.problems
    assert problem.message == (
        "`scale` changes numbers, but `x` is logged as timestamp[us]: leave it out, or use nulls, constant, shuffle or "
        "out_of_vocabulary"
    )


def test_which_types_hold_integers_only():
    integral = [*INTEGERS, pa.bool_(), pa.decimal128(9, 0), pa.decimal128(9, -2)]

    assert all(is_integral(kind) for kind in integral)
    assert not any(is_integral(kind) for kind in (*FLOATS, pa.decimal128(9, 1), pa.decimal32(3, 2)))


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        (pa.bool_(), 0, 1),
        (pa.int8(), -128, 127),
        (pa.uint16(), 0, 65535),
        (pa.int64(), -(2.0**63), 2.0**63),  # the largest has no float of its own
        (pa.float16(), -65504, 65504),
        (pa.decimal128(4, 2), -99.99, 99.99),
        (pa.decimal128(2, -1), -990, 990),
    ],
    ids=str,
)
def test_bounds_of_types(kind, low, high):
    assert bounds(kind) == (low, high)


@pytest.mark.parametrize("kind", INTEGERS, ids=str)
def test_any_function_of_integers(kind):
    info = np.iinfo(kind.to_pandas_dtype())
    array = pa.array([0, 1, 2, 3, None, 5], kind)
    answers = np.array([0.5, 1.5, 2.5, np.nan, 7.0, np.inf])

    mapped = map_numbers(array, lambda _: answers)
    assert mapped.type == kind
    assert mapped.to_pylist() == [0, 2, 2, 0, None, info.max]
    assert map_numbers(array, lambda numbers: np.full(len(numbers), -np.inf)).to_pylist()[0] == info.min


@pytest.mark.parametrize("kind", FLOATS, ids=str)
def test_any_function_of_floats(kind):
    dtype = kind.to_pandas_dtype()
    array = pa.array(np.array([1, 2, 3, 4], dtype), mask=np.array([False, False, False, True]))
    answers = np.array([1 / 3, np.nan, 1e300, 5.0])
    with np.errstate(over="ignore"):
        expected = answers.astype(dtype)

    mapped = map_numbers(array, lambda _: answers)
    assert mapped.type == kind
    assert mapped.is_null().to_pylist() == [False, False, False, True]
    np.testing.assert_array_equal(mapped.slice(0, 3).to_numpy(), expected[:3])


def test_a_value_that_is_left_alone_keeps_all_its_digits():
    big = pa.array([2**63 - 1, 2**53 + 1, None, -(2**63)])
    precise = pa.array([Decimal("12345678901234567.89"), None], pa.decimal128(19, 2))

    for array in (big, precise, big[:0], pa.nulls(2)):
        assert map_numbers(array, lambda numbers: numbers).equals(array)


def test_a_function_gets_the_numbers_as_floats():
    seen = []
    for array in (pa.array([True, False]), pa.array([1, 0], pa.uint8()), pa.array([Decimal(1), Decimal(0)])):
        map_numbers(array, lambda numbers: seen.append(numbers) or numbers)

    assert [(numbers.dtype, numbers.tolist()) for numbers in seen] == [(np.float64, [1.0, 0.0])] * 3


@pytest.mark.parametrize("kind", INTEGERS, ids=str)
def test_sums_of_integers_are_exact_and_clamped(kind):
    info = np.iinfo(kind.to_pandas_dtype())
    bases = [info.min, info.min + 1, 7, info.max - 1, info.max]
    amounts = [0.5, 1.5, -2.5, 100.0, -100.0, 2.0**53 + 2, 1e19, -1e19, 1e300, -1e300]
    array = pa.array([*(base for base in bases for _ in amounts), None], kind)

    added = add_to_numbers(array, np.array([*amounts * len(bases), 1.0]))

    whole = [round(min(max(amount, -(2**63)), 2**63 - 1)) for amount in amounts]  # amounts are clamped to 64 bits
    expected = [min(max(base + amount, info.min), info.max) for base in bases for amount in whole]
    assert added.type == kind
    assert added.to_pylist() == [*expected, None]


def test_sums_of_other_numbers():
    amounts = np.array([0.25, -1.0, 0.0])

    assert add_to_numbers(pa.array([1.5, None, np.inf]), amounts).to_pylist() == [1.75, None, np.inf]
    assert add_to_numbers(pa.array([True, True, False]), amounts).to_pylist() == [True, False, False]
    decimals = pa.array([Decimal("1.0"), Decimal("2.0"), None], pa.decimal128(3, 1))
    assert add_to_numbers(decimals, amounts).to_pylist() == [Decimal("1.2"), Decimal("1.0"), None]  # 1.25: to even


def test_to_integers_rounds_half_to_even_and_clamps():
    numbers = np.array([0.5, -1.5, 2.4, 127.4, 127.6, -128.5, -129, np.inf, -np.inf, np.nan])

    assert to_integers(numbers, np.dtype(np.int8)).tolist() == [0, -2, 2, 127, 127, -128, -128, 127, -128, 0]
    edges = np.array([2.0**63, np.nextafter(2.0**63, 0), -(2.0**63)])
    assert to_integers(edges, np.dtype(np.int64)).tolist() == [2**63 - 1, 2**63 - 1024, -(2**63)]
    assert to_integers(np.array([2.0**64, -1.0]), np.dtype(np.uint64)).tolist() == [2**64 - 1, 0]


@pytest.mark.parametrize(
    "kind", [pa.decimal32(9, 2), pa.decimal64(18, 2), pa.decimal128(18, 2), pa.decimal256(18, 2)], ids=str
)
def test_unscaled_integers_of_decimals_and_back(kind):
    most = Decimal(10**kind.precision - 1).scaleb(-2)
    array = pa.array([Decimal("7.00"), Decimal("1.25"), None, -most, most, Decimal("-0.01")], kind)[1:]

    integers = unscaled(array)
    assert [int(integers[i]) for i in (0, 2, 3, 4)] == [125, -(10**kind.precision - 1), 10**kind.precision - 1, -1]
    back = from_unscaled(integers, array)
    back.validate(full=True)
    assert back.equals(array)


def test_numbers_like_an_array():
    like = pa.array([1, None, 3], pa.int16())

    assert from_numpy(np.array([4, 5, 6]), like).equals(pa.array([4, None, 6], pa.int16()))
