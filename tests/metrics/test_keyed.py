from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from replay.metrics.keyed import KeyedSums, reduce_by_key

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
