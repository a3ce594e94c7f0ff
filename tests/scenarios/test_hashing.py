"""Rows by a hash of their key."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from replay.errors import TrafficError
from replay.hashing import mix
from replay.scenarios.hashing import element_keys, row_keys, selected, uniform

WHEN = datetime(2026, 11, 20, 10, 0, 0, 123000, tzinfo=UTC)


@pytest.mark.parametrize(
    "arrays",
    [
        [pa.array([5, -1], kind) for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())],
        [pa.array([5, 200], kind) for kind in (pa.uint8(), pa.int16(), pa.uint32(), pa.uint64())],
        [pa.array(["ab", ""], kind) for kind in (pa.string(), pa.large_string(), pa.string_view())]
        + [pa.array([b"ab", b""], kind) for kind in (pa.binary(), pa.large_binary(), pa.binary_view())]
        + [pa.array(["ab", ""]).dictionary_encode()],
        [pa.array([b"ab", b"cd"], pa.binary(2)), pa.array([b"ab", b"cd"])],
        [pa.array([1.5, -0.0, np.nan], kind) for kind in (pa.float16(), pa.float32(), pa.float64())]
        + [pa.array([1.5, 0.0, -np.nan])],
        [pa.array([Decimal("1.5"), Decimal("-100"), Decimal("0")], pa.decimal128(p, s)) for p, s in ((9, 1), (30, 4))]
        + [pa.array([Decimal("1.5"), Decimal("-100"), Decimal("0")], pa.decimal256(40, 2))],
        [pa.array([WHEN], pa.timestamp(unit, tz)) for unit in ("ms", "us", "ns") for tz in (None, "UTC", "Asia/Tokyo")],
        [pa.array([datetime(2026, 11, 20)], kind) for kind in (pa.date32(), pa.date64(), pa.timestamp("s"))],
        [pa.array([True, False]), pa.array([True, False]).dictionary_encode()],
    ],
)
def test_storage_does_not_count(arrays):
    expected = row_keys(arrays[:1])

    assert len(set(expected.tolist())) == len(expected)
    for array in arrays[1:]:
        assert row_keys([array]).tolist() == expected.tolist(), array.type


def test_minus_zero_as_a_decimal_of_any_scale():
    zeros = [pa.array([Decimal(text)], pa.decimal128(9, 3)) for text in ("0", "-0", "0.000", "-0.000")]

    assert len({row_keys([zero])[0] for zero in zeros}) == 1
    assert row_keys([pa.array([Decimal("-0.5"), Decimal("0.5")])])[0] != row_keys([pa.array([Decimal("0.5")])])[0]


def test_parts_of_a_key_and_their_order_count():
    one, two = pa.array([1]), pa.array([2])
    keys = [row_keys(columns)[0] for columns in ([one], [two], [one, two], [two, one], [one, one], [two, two])]
    texts = [row_keys([pa.array([a]), pa.array([b])])[0] for a, b in (("ab", "c"), ("a", "bc"), ("", "abc"))]

    assert len(set(keys + texts)) == len(keys) + len(texts)


def test_kinds_and_nulls_have_hashes_of_their_own():
    columns = [pa.array([value]) for value in (0, False, 0.0, "0", "", "None", Decimal(0))]
    columns += [pa.array([None], kind) for kind in (pa.int64(),)]

    assert len({row_keys([column])[0] for column in columns}) == len(columns)
    assert row_keys([pa.array([None], pa.string())])[0] == row_keys([pa.nulls(1)])[0]
    assert row_keys([pa.array([None, "a"])])[1] == row_keys([pa.array(["a"])])[0]


def test_texts_are_hashed_by_their_xxh64():
    texts = [f"r{place:012d}" for place in range(1000)] + ["", "é" * 40, "é" * 400]
    golden, mask = 0x9E3779B97F4A7C15, 2**64 - 1
    tagged = np.array([(xxhash.xxh64_intdigest(text.encode()) + 5 * golden) & mask for text in texts], np.uint64)
    expected = mix(mix(tagged) + np.uint64(golden)).tolist()

    assert row_keys([pa.array(texts)]).tolist() == expected
    assert row_keys([pa.array([*texts, None])])[:-1].tolist() == expected
    assert row_keys([pa.array(texts * 2).dictionary_encode()]).tolist() == expected * 2


def test_a_dictionary_counts_for_nothing():
    plain = [pa.array(["a", None, "b", "a", "a"]), pa.array([1.5, None, 1.5, 2.0, -0.0]), pa.nulls(5, pa.string())]
    for array in plain:
        assert row_keys([array.dictionary_encode()]).tolist() == row_keys([array]).tolist(), array.type
    with_null = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 1, 0]), pa.array(["a", None]))
    assert row_keys([with_null]).tolist() == row_keys([pa.array(["a", None, None, None, "a"])]).tolist()


def test_a_slice_gives_what_the_whole_gives():
    columns = [pa.array([None, *range(50)]), pa.array([f"r{i % 7}" for i in range(51)]).dictionary_encode()]
    whole = row_keys(columns)

    assert row_keys([column.slice(3, 20) for column in columns]).tolist() == whole[3:23].tolist()
    assert len(row_keys([column.slice(0, 0) for column in columns])) == 0


def test_no_key():
    with pytest.raises(TrafficError, match=r"found a key column of list<.*expected integers.*`traffic.key`"):
        row_keys([pa.array([[1]])])


def test_keys_in_sequence_spread_evenly():
    keys = row_keys([pa.array(range(100_000))])

    for shift in (0, 24, 56):  # any byte
        counts = np.bincount((keys >> np.uint64(shift)).astype(np.uint8), minlength=256)
        assert stats.chisquare(counts).pvalue > 1e-6


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.integers(0, 2**64 - 1), st.floats(0, 1))
def test_selection_is_a_uniform_number_below_the_rate(keys, salt, rate):
    hashed = np.array(keys, np.uint64)

    assert (selected(hashed, salt, rate) == (uniform(hashed, salt) < rate)).all()


def test_smallest_rates():
    keys = row_keys([pa.array(range(1000))])

    assert not selected(keys, 1, 0.0).any()
    assert not selected(keys, 1, 1e-18).any()  # possible, with a probability of 1e-13
    assert selected(keys, 1, 1.0).all()


def test_elements_have_keys_of_their_own():
    keys = row_keys([pa.array(range(100))])
    elements = element_keys(np.repeat(keys, 64), np.tile(np.arange(64), 100))

    assert len(set(elements.tolist()) | set(keys.tolist())) == 6500
