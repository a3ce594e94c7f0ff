"""bitflip: how many bits, which, of what."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from replay.errors import ConfigError
from replay.features.codecs.base import NUMPY_TYPES
from tests.scenarios.making import changed

WIDE = [kind for kind in NUMPY_TYPES if not pa.types.is_boolean(kind)]


def difference(array: pa.Array, flipped: pa.Array) -> np.ndarray:
    raw = f"u{array.type.bit_width // 8}"
    before, after = (np.ascontiguousarray(part.to_numpy()).view(raw) for part in (array, flipped))
    return (before ^ after).astype(np.uint64)


@pytest.mark.parametrize("bits", [1, 2, 8])
@pytest.mark.parametrize("kind", WIDE, ids=str)
def test_exactly_so_many_bits(kind, bits):
    array = pa.array(np.arange(300).astype(NUMPY_TYPES[kind]))

    assert set(np.bitwise_count(difference(array, changed(array, op="bitflip", bits=bits)))) == {bits}


@pytest.mark.parametrize("bits", [1, 3])
def test_every_bit_is_as_likely(bits):
    array = pa.array(np.zeros(20_000, np.int16))
    flips = difference(array, changed(array, op="bitflip", bits=bits))
    counts = [int(((flips >> np.uint64(bit)) & np.uint64(1)).sum()) for bit in range(16)]

    assert sum(counts) == bits * 20_000
    assert stats.chisquare(counts).pvalue > 1e-6


def test_all_bits():
    assert changed(pa.array([0, 5], pa.uint8()), op="bitflip", bits=8).to_pylist() == [255, 250]


def test_one_bit_is_the_default_and_nulls_stay():
    flipped = changed(pa.array([0, None], pa.int64()), op="bitflip").to_pylist()

    assert bin(flipped[0] % 2**64).count("1") == 1
    assert flipped[1] is None


def test_bools_flip():
    assert changed(pa.array([True, False, None]), op="bitflip").to_pylist() == [False, True, None]


@pytest.mark.parametrize("kind", [pa.decimal32(5, 2), pa.decimal64(9, 2), pa.decimal128(9, 2), pa.decimal256(18, 0)])
def test_decimals_flip_their_digits_integer(kind):
    array = pa.array([Decimal(0)] * 500 + [None, Decimal(-1)], kind)
    flipped = changed(array, op="bitflip")
    unscaled = [None if value is None else int(value.scaleb(kind.scale)) for value in flipped.to_pylist()]

    flipped.validate(full=True)
    assert {value.bit_count() for value in unscaled[:500]} == {1}
    assert max(unscaled[:500]) < 10**kind.precision
    assert unscaled[500] is None
    assert unscaled[501] != -(10**kind.scale)


def test_elements_of_lists_flip_each():
    array = pa.array([[0] * 50, None, []], pa.list_(pa.int32()))
    flipped = changed(array, op="bitflip").to_pylist()

    assert {bin(value % 2**32).count("1") for value in flipped[0]} == {1}
    assert len(set(flipped[0])) > 10
    assert flipped[1:] == [None, []]


@pytest.mark.parametrize(
    ("array", "bits", "message"),
    [
        (pa.array([1], pa.int8()), 9, "cannot flip 9 bits of `x`: a value of int8 has 8"),
        (pa.array([True]), 2, "a value of bool has 1"),
        (pa.array([Decimal(1)], pa.decimal128(38, 0)), 1, "decimals of at most 18 digits"),
    ],
)
def test_what_cannot_be_flipped(array, bits, message):
    with pytest.raises(ConfigError, match=message):
        changed(array, op="bitflip", bits=bits)
