"""shift: an amount, within a range that begins again where it ends."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.scenarios.making import FLOATS, INTEGERS, changed


@pytest.mark.parametrize("kind", [*INTEGERS, *FLOATS], ids=str)
def test_hours_of_another_time_zone(kind):
    hours = pa.array([0, 18, 19, 23, None], kind)

    assert changed(hours, op="shift", by=5, modulo=24).to_pylist() == [5, 23, 0, 4, None]
    assert changed(hours, op="shift", by=-5, modulo=24).to_pylist() == [19, 13, 14, 18, None]
    assert changed(hours, op="shift", by=5).to_pylist() == [5, 23, 24, 28, None]


def test_a_range_that_begins_at_one():
    weekdays = pa.array([1, 6, 7], pa.int8())

    assert changed(weekdays, op="shift", by=1, modulo=7, start=1).to_pylist() == [2, 7, 1]
    decimals = pa.array([Decimal("1.5"), Decimal("7.5")], pa.decimal128(4, 1))
    assert changed(decimals, op="shift", by=1, modulo=7, start=1).to_pylist() == [Decimal("2.5"), Decimal("1.5")]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.integers(1, 2**40), st.integers(-(2**40), 2**40))
@settings(max_examples=50, deadline=None)
def test_remainders_of_large_ids_are_exact(ids, modulo, by):
    found = changed(pa.array(ids, pa.int64()), op="shift", by=by, modulo=modulo).to_pylist()

    assert found == [(one + by) % modulo for one in ids]  # Python's integers have any size


def test_remainders_of_unsigned_ids():
    ids = [2**63 + 11, 2**64 - 1, 7]

    assert changed(pa.array(ids, pa.uint64()), op="shift", modulo=1000).to_pylist() == [one % 1000 for one in ids]


def test_elements_of_lists_and_fractions():
    lists = pa.array([[1, None, 23], None, []], pa.list_(pa.int16()))

    assert changed(lists, op="shift", by=2, modulo=24).to_pylist() == [[3, None, 1], None, []]
    assert changed(pa.array([1.5, 23.5, np.inf]), op="shift", by=2.5).to_pylist() == [4.0, 26.0, np.inf]
    assert changed(pa.array([3, 10]), op="shift", by=0.5, modulo=2.5).to_pylist() == [1, 0]  # 3.5 - 2.5, 10.5 - 10


def test_what_it_takes():
    with pytest.raises(ValidationError, match="`shift` needs `by` or `modulo`"):
        changed(pa.array([1]), op="shift")
    with pytest.raises(ValidationError, match="greater than 0"):
        changed(pa.array([1]), op="shift", modulo=0)
