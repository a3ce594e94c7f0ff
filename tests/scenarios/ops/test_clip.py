"""clip: bounds, and types that hold nothing between them."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from replay.errors import ConfigError
from replay.features.codecs.base import NUMPY_TYPES
from tests.scenarios.making import FLOATS, INTEGERS, changed, described

floats = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("kind", INTEGERS)
def test_clipped_integers_stay_inside(kind):
    array = pa.array([0, 1, 5, 100, None], kind)

    assert changed(array, op="clip", min=0.5, max=5.5).to_pylist() == [1, 1, 5, 5, None]
    assert changed(array, op="clip", max=99).to_pylist() == [0, 1, 5, 99, None]
    assert changed(array, op="clip", min=2).to_pylist() == [2, 2, 5, 100, None]


def test_clip_keeps_what_is_inside_to_the_last_digit():
    big = pa.array([2**62 + 1, -(2**62) - 1])
    precise = pa.array([Decimal("12345678901234567.8901234567890")])

    assert changed(big, op="clip", min=-(2.0**63), max=2.0**63).to_pylist() == big.to_pylist()
    assert changed(precise, op="clip", max=1e30).to_pylist() == precise.to_pylist()


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


@given(st.lists(floats, min_size=1), floats, floats)
@settings(max_examples=50, deadline=None)
def test_clip_is_numpys(values, one, other):
    low, high = sorted((one, other))
    result = changed(pa.array(values), op="clip", min=low, max=high).to_numpy()

    np.testing.assert_array_equal(result, np.clip(values, low, high))


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.integers(-(2**52), 2**52), st.integers(0, 2**52))
@settings(max_examples=50, deadline=None)
def test_clip_of_integers_is_exact(values, low, width):
    result = changed(pa.array(values, pa.int64()), op="clip", min=low, max=low + width).to_pylist()

    assert result == [min(max(value, low), low + width) for value in values]


def test_clipped_decimals_round_their_bounds_half_to_even():
    array = pa.array([Decimal("-9.99"), Decimal("0.10"), None, Decimal("9.99")], pa.decimal128(9, 2))
    clipped = changed(array, op="clip", min=-1.125, max=2.5)

    assert clipped.to_pylist() == [Decimal("-1.12"), Decimal("0.10"), None, Decimal("2.50")]
    whole = pa.array([Decimal(-9), Decimal(0), Decimal(9)], pa.decimal128(9, 0))
    assert changed(whole, op="clip", min=-1.9, max=1.9).to_pylist() == [Decimal(-1), Decimal(0), Decimal(1)]


def test_clipped_bools():
    array = pa.array([True, False, None])

    assert changed(array, op="clip", min=0.5).to_pylist() == [True, True, None]
    assert changed(array, op="clip", max=0.5).to_pylist() == [False, False, None]


def test_every_element_of_a_list():
    array = pa.array([[-5, 3, None], None, [], [9]], pa.list_(pa.int16()))

    assert changed(array, op="clip", min=0, max=4).to_pylist() == [[0, 3, None], None, [], [4]]


@pytest.mark.parametrize(
    ("kind", "limits", "message"),
    [
        (pa.int64(), {"min": 0.2, "max": 0.8}, "max: `x` is logged as int64, which has no value from 0.2 to 0.8"),
        (pa.uint8(), {"min": 256}, "min: `x` is logged as uint8, which has no value from 256 to any"),
        (pa.float16(), {"max": -1e6}, "max: `x` is logged as halffloat, which has no value from any to -1e+06"),
        (pa.list_(pa.bool_()), {"min": 2}, "min: `x` is logged as list<item: bool>, which has no value from 2 to any"),
        (
            pa.decimal128(3, 1),
            {"min": 100},
            "min: `x` is logged as decimal128(3, 1), which has no value from 100 to any",
        ),
    ],
    ids=str,
)
def test_the_message_names_the_key_and_the_bounds(kind, limits, message):
    with pytest.raises(ConfigError) as caught:
        changed(pa.nulls(1, kind), op="clip", **limits)

    (problem,) = caught.value.problems
    assert f"{problem.path}: {problem.message}" == f"scenarios.s[0].{message}: give bounds that hold one"


def test_nulls_have_no_range():
    assert changed(pa.nulls(2), op="clip", min=5).to_pylist() == [None, None]


def test_bounds_are_finite_numbers():
    for bound, message in ((float("nan"), "finite number"), (float("inf"), "finite number"), (False, "found false")):
        with pytest.raises(ValidationError, match=message):
            changed(pa.array([1.0]), op="clip", min=bound)


def test_what_the_schema_says():
    assert described("min", "max") == [
        "clip: the smallest value that is left.",
        "clip: the largest value that is left.",
    ]
