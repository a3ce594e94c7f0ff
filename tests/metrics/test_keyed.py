from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.metrics.keyed import KeyedSums, merge_order, order_keys, reduce_by_key, sort_keys

ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(-8, 8)), max_size=40)


def columns(rows):
    keys = np.array([key for key, _ in rows], dtype=np.uint64)
    return keys, np.array([[value] for _, value in rows], dtype=float).reshape(-1, 1)


def expected(rows):
    found = {}
    for key, value in rows:
        found[key] = found.get(key, 0) + value
    return sorted(found.items())


@given(ROWS)
def test_rows_of_a_key_are_added_up(rows):
    keys, sums = reduce_by_key(*columns(rows))
    assert list(zip(keys.tolist(), sums[:, 0].tolist(), strict=True)) == expected(rows)


@given(ROWS, ROWS)
def test_a_table_is_the_sum_of_all_that_was_added(first, second):
    table, other = KeyedSums(1), KeyedSums(1)
    table.add(*columns(first))
    other.add(*columns(second))
    before = other.sums.copy()
    table.merge(other)
    assert list(zip(table.keys.tolist(), table.sums[:, 0].tolist(), strict=True)) == expected(first + second)
    assert np.array_equal(other.sums, before)


def test_rows_that_meet_under_a_new_key_are_added():
    table = KeyedSums(2)
    table.add(np.array([5, 1, 3], np.uint64), np.array([[1.0, 2], [3, 4], [5, 6]]))
    table.rekey(np.array([9, 0, 9], np.uint64))
    assert (table.keys.tolist(), table.sums.tolist()) == ([0, 9], [[5.0, 6.0], [4.0, 6.0]])


@pytest.mark.parametrize("size", [0, 1, 1_000, 100_000])
@pytest.mark.parametrize("distinct", [3, 2**64 - 1])
def test_order_is_that_of_unsigned_numbers(size: int, distinct: int) -> None:
    importlib.import_module("torch")
    keys = np.random.default_rng(size).integers(0, distinct, size, dtype=np.uint64, endpoint=True)
    before = keys.copy()
    assert np.array_equal(sort_keys(keys), np.sort(before))
    assert np.array_equal(order_keys(keys), np.argsort(before, kind="stable"))
    assert np.array_equal(keys, before)


def test_torch_is_not_loaded_for_it() -> None:
    said = (
        "import sys, numpy as np; from replay.metrics.keyed import sort_keys;"
        "keys = np.arange(100_000, dtype=np.uint64)[::-1];"
        "print(sort_keys(keys)[0], 'torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["0", "False"]


def test_merge_order_is_a_stable_sort():
    random = np.random.default_rng(5)
    runs = [np.sort(random.integers(0, 50, size).astype(np.uint64)) for size in (40, 0, 70, 3)]
    keys = np.concatenate(runs)

    expected = sorted(range(keys.size), key=lambda place: (int(keys[place]), place))
    assert merge_order(keys).tolist() == expected
