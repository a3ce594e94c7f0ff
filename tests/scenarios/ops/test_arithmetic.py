"""noise, scale, clip and cast: on every kind of number, against hands and numpy."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
import torch
from pydantic import ValidationError
from scipy import stats

from replay.errors import ConfigError
from replay.features.codecs.base import NUMPY_TYPES
from tests.scenarios.making import changed

INTEGERS = [kind for kind in NUMPY_TYPES if pa.types.is_integer(kind)]
FLOATS = [kind for kind in NUMPY_TYPES if pa.types.is_floating(kind)]
NUMBERS = [*NUMPY_TYPES, pa.decimal128(9, 2), pa.decimal128(38, 3), pa.decimal256(50, 1), pa.decimal32(5, 1)]


def as_list(array: pa.Array) -> list:
    return array.to_pylist()


# scale


@pytest.mark.parametrize("kind", INTEGERS)
def test_scaled_integers_round_half_to_even_and_stay_in_range(kind):
    info = np.iinfo(NUMPY_TYPES[kind])
    array = pa.array([1, 3, None, info.max, info.min], kind)

    assert as_list(changed(array, op="scale", factor=0.5))[:3] == [0, 2, None]  # 0.5 -> 0, 1.5 -> 2
    assert as_list(changed(array, op="scale", factor=4.0)) == [4, 12, None, info.max, info.min]
    assert as_list(changed(array, op="scale", factor=1.0)) == as_list(array)
    negated = as_list(changed(array, op="scale", factor=-4.0))
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

    assert as_list(changed(counts, op="scale", function="log1p")) == [[0, 1, None, 5], None, [0]]
    assert as_list(changed(pa.array([0, 1, 3, 100], pa.int8()), op="scale", function="expm1")) == [0, 2, 19, 127]


def test_scaled_decimals():
    array = pa.array([Decimal("1.25"), None, Decimal("-0.05"), Decimal("9999999.99")], pa.decimal128(9, 2))

    assert as_list(changed(array, op="scale", factor=2.0)) == [
        Decimal("2.50"), None, Decimal("-0.10"), Decimal("9999999.99")
    ]  # fmt: skip
    assert as_list(changed(array, op="scale", factor=0.5))[:3] == [Decimal("0.62"), None, Decimal("-0.02")]
    assert as_list(changed(array, op="scale", factor=1.0)) == as_list(array)


def test_scaled_decimals_of_many_digits():
    kind = pa.decimal128(38, 3)
    array = pa.array([Decimal("2.125"), None, Decimal("12345678901234567890123456789012345.678")], kind)

    assert as_list(changed(array, op="scale", factor=2.0))[:2] == [Decimal("4.250"), None]
    assert as_list(changed(array, op="scale", factor=1.0)) == as_list(array)
    most = as_list(changed(array, op="scale", factor=1e30))[2]
    assert Decimal("0.99") * 10**35 < most < 10**35


def test_scaled_bools_are_zero_or_one():
    array = pa.array([True, False, None])

    assert as_list(changed(array, op="scale", factor=3.0)) == [True, False, None]
    assert as_list(changed(array, op="scale", factor=0.5)) == [False, False, None]


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.large_list(pa.float32()), pa.list_view(pa.float32()), pa.list_(pa.int16())]
)
def test_every_element_of_a_list(kind):
    array = pa.array([[1, None, 3], None, [], [4]], kind)

    assert as_list(changed(array, op="scale", factor=2.0)) == [[2, None, 6], None, [], [8]]


def test_an_embedding():
    array = pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2))

    assert as_list(changed(array, op="scale", factor=-1.0)) == [[-1, -2], None, [-3, -4]]


# clip


@pytest.mark.parametrize("kind", INTEGERS)
def test_clipped_integers_stay_inside(kind):
    array = pa.array([0, 1, 5, 100, None], kind)

    assert as_list(changed(array, op="clip", min=0.5, max=5.5)) == [1, 1, 5, 5, None]
    assert as_list(changed(array, op="clip", max=99)) == [0, 1, 5, 99, None]
    assert as_list(changed(array, op="clip", min=2)) == [2, 2, 5, 100, None]


def test_clip_keeps_what_is_inside_to_the_last_digit():
    big = pa.array([2**62 + 1, -(2**62) - 1])
    precise = pa.array([Decimal("12345678901234567.8901234567890")])

    assert as_list(changed(big, op="clip", min=-(2.0**63), max=2.0**63)) == as_list(big)
    assert as_list(changed(precise, op="clip", max=1e30)) == as_list(precise)


@pytest.mark.parametrize("kind", FLOATS)
def test_clipped_floats(kind):
    array = pa.array(np.array([-2.0, 0.25, np.nan, np.inf], NUMPY_TYPES[kind]))

    np.testing.assert_array_equal(changed(array, op="clip", min=0, max=1).to_numpy(), [0, 0.25, np.nan, 1])


@pytest.mark.parametrize(
    ("kind", "limits"),
    [(pa.int64(), {"min": 0.2, "max": 0.8}), (pa.uint8(), {"max": -1}), (pa.int8(), {"min": -200, "max": -150})],
)
def test_bounds_that_hold_nothing(kind, limits):
    with pytest.raises(ConfigError, match=r"scenarios\.s\[0\]\.max: `x` is logged as .* which has no value from"):
        changed(pa.array([1], kind), op="clip", **limits)
    with pytest.raises(ValidationError, match="min 2 is above max 1"):
        changed(pa.array([1.0]), op="clip", min=2, max=1)


# cast


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_round_trips_are_torchs(kind, dtype):
    numbers = np.concatenate([np.random.default_rng(0).normal(size=500) * 1000, [1e6, -0.0, np.inf, np.nan]])
    numbers = numbers.astype(NUMPY_TYPES[kind])
    expected = torch.from_numpy(numbers).to(getattr(torch, dtype)).to(torch.from_numpy(numbers).dtype).numpy()

    np.testing.assert_array_equal(changed(pa.array(numbers), op="cast", dtype=dtype).to_numpy(), expected)


def test_integers_through_half_precision():
    array = pa.array([2049, 2051, 100_000, None], pa.int32())

    assert as_list(changed(array, op="cast", dtype="float16")) == [2048, 2052, 2**31 - 1, None]


def test_through_int8():
    array = pa.array([0.5, 1.5, -3.7, 1000.0, -1000.0, None])

    assert as_list(changed(array, op="cast", dtype="int8")) == [0, 2, -4, 127, -128, None]
    assert np.isnan(changed(pa.array([np.nan]), op="cast", dtype="int8").to_numpy()).all()
    assert as_list(changed(pa.array([300, -300, 7]), op="cast", dtype="int8")) == [127, -128, 7]


# noise


def test_noise_is_normal():
    before = np.zeros(20_000)
    noise = changed(pa.array(before), op="noise", std=2.0).to_numpy()

    assert stats.kstest(noise / 2, "norm").pvalue > 1e-6
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 5 / np.sqrt(len(noise))


def test_relative_noise_grows_with_the_value():
    before = np.tile([1.0, -10.0, 0.0], 10_000)
    noise = changed(pa.array(before), op="noise", relative_std=0.1).to_numpy() - before

    assert stats.kstest(noise[0::3] / 0.1, "norm").pvalue > 1e-6
    assert stats.kstest(noise[1::3] / 1.0, "norm").pvalue > 1e-6
    assert (noise[2::3] == 0).all()


def test_relative_noise_of_what_is_not_finite():
    array = pa.array([np.inf, -np.inf, np.nan])

    np.testing.assert_array_equal(changed(array, op="noise", relative_std=0.5).to_numpy(), [np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("kind", INTEGERS)
def test_noise_on_integers_is_the_rounded_noise_on_zeros(kind):
    info = np.iinfo(NUMPY_TYPES[kind])
    noise = changed(pa.array(np.zeros(200)), op="noise", std=50.0).to_numpy()
    for base in (info.min, 60, info.max):
        numbers = as_list(changed(pa.array([base] * 200, kind), op="noise", std=50.0))
        assert numbers == [min(max(base + round(amount), info.min), info.max) for amount in noise]


def test_noise_beyond_any_integer():
    numbers = set(as_list(changed(pa.array([0] * 50), op="noise", std=1e300)))
    small = set(as_list(changed(pa.array([0] * 50, pa.uint8()), op="noise", std=1e300)))

    assert numbers == {-(2**63), 2**63 - 1}
    assert small == {0, 255}


def test_relative_noise_on_integers():
    numbers = as_list(changed(pa.array([0, 1000, None]), op="noise", relative_std=0.1))
    share = changed(pa.array([0.0, 1000.0, None]), op="noise", relative_std=0.1).to_pylist()

    assert numbers == [0, round(share[1]), None]


@pytest.mark.parametrize("kind", NUMBERS, ids=str)
def test_no_noise_changes_nothing(kind):
    array = pa.array([1, 0, None], pa.int8()).cast(kind)

    for step in ({"std": 0}, {"relative_std": 0}):
        assert as_list(changed(array, op="noise", **step)) == as_list(array)


def test_elements_draw_their_own_noise():
    array = pa.array([[0.0] * 8, [0.0] * 8, None], pa.list_(pa.float32(), 8))
    noisy = changed(array, op="noise", std=1.0)

    assert len({value for row in noisy.to_pylist()[:2] for value in row}) == 16
    assert noisy.to_pylist()[2] is None


# all of them


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


@pytest.mark.parametrize("op", ["noise", "scale", "clip", "cast", "constant", "stale", "swap"])
def test_a_missing_argument(op):
    with pytest.raises(ValidationError, match=f"`{op}` needs"):
        changed(pa.array([1.0]), op=op)


@pytest.mark.parametrize("step", [{"op": "noise", "std": 1}, {"op": "scale", "factor": 2}, {"op": "bitflip"}])
def test_a_column_of_nulls(step):
    assert as_list(changed(pa.nulls(3), **step)) == [None] * 3
