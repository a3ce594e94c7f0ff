from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.scenarios.least_change import pool as module
from replay.scenarios.least_change.pool import ListPool, continued

FORM = pa.large_list(pa.int64())
LISTS = pa.array([[1, 2], [], [3], [1, 2], [4, 5, 6]], FORM)


def lists_of(pool: ListPool) -> list[list[int]]:
    elements, begins = pool.flat()
    ends = [*begins[1:].tolist(), len(elements)]
    return [elements[start:end].to_pylist() for start, end in zip(begins.tolist(), ends, strict=True)]


def test_each_filled_list_is_held_once():
    pool = ListPool(FORM)
    pool.add(LISTS)

    assert sorted(lists_of(pool)) == [[1, 2], [3], [4, 5, 6]]


def test_the_order_of_elements_is_a_part_of_a_list():
    pool = ListPool(FORM)
    pool.add(pa.array([[1, 2], [2, 1]], FORM))

    assert len(lists_of(pool)) == 2


def test_it_is_bounded_and_the_same_in_any_order(monkeypatch):
    monkeypatch.setattr(module, "MOST_ELEMENTS", 10)
    lists = pa.array([[i, i + 1, i + 2] for i in range(100)], FORM)
    whole, one, other = ListPool(FORM), ListPool(FORM), ListPool(FORM)
    whole.add(lists)
    one.add(lists.slice(40))
    other.add(lists.slice(0, 40))
    one.merge(other)

    assert lists_of(one) == lists_of(whole)
    assert len(lists_of(whole)) == 3


def test_one_list_is_held_however_long_it_is(monkeypatch):
    monkeypatch.setattr(module, "MOST_ELEMENTS", 2)
    pool = ListPool(FORM)
    pool.add(pa.array([list(range(9))], FORM))

    assert lists_of(pool) == [list(range(9))]


def test_lists_are_cut_at_their_end_and_continued_from_the_pool():
    pool = pa.array([7, 8, 9]), np.array([0, 2])

    got = continued(LISTS, np.array([1, 2, 1, 5, 0]), pool, np.array([0, 1, 0, 1, 0]))

    assert got.to_pylist() == [[1], [9, 7], [3], [1, 2, 9, 7, 8], []]
