"""Orders and cuts, planted by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.audit.kinds.differing_rows import DifferingRows
from replay.audit.kinds.lists import cut, order
from tests.audit.kinds.planted import differing


def _lists(rows: int = 100):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 1000, rng.integers(3, 12)).tolist() for _ in range(rows)]


def test_another_order():
    here = _lists()
    rows = differing(here, [each[::-1] for each in here])

    assert order(rows).rows.all()
    assert cut(rows).rows.mean() < 0.2


def test_a_cut_at_either_end():
    here = [each for each in _lists() if len(each) > 3]
    for part in (slice(3), slice(-3, None)):
        rows = differing(here, [each[part] for each in here])

        assert cut(rows).rows.all()
        assert cut(rows).details == {"longest": 3}
        assert not order(rows).rows.any()


def test_nothing_left_is_no_cut():
    assert not cut(differing([[1, 2], [3]], [[], []])).rows.any()
    assert cut(differing([[1, 2], None, [1]], [[1], [1], None])).rows.tolist() == [True, False, False]


def test_nulls_in_lists_have_an_order_too():
    assert order(differing([[1, None, 2]], [[None, 2, 1]])).rows.all()


def test_what_is_no_list_has_neither():
    assert order(differing([1, 2], [2, 1])) is None
    assert cut(differing(["ab"], ["a"])) is None


def test_floats_of_another_width_are_the_same_elements():
    here = pa.array([[0.1, 0.2, 0.3], [0.7, 0.5]], pa.list_(pa.float32()))
    there = pa.array([[0.3, 0.2, 0.1], [0.5, 0.7]], pa.list_(pa.float64()))
    first = pa.array([[0.1], [0.7]], pa.list_(pa.float64()))

    assert order(DifferingRows(here, there)).rows.all()
    assert cut(DifferingRows(here, first)).rows.all()
