"""Numbers side by side, by hand."""

from __future__ import annotations

import pyarrow as pa

from replay.audit.kinds.differing_rows import DifferingRows, number_pairs


def test_numbers_are_pairs_where_both_are_finite():
    rows = DifferingRows(pa.array([1.0, None, 3.0, 4.0]), pa.array([2, 2, None, 5]))
    pairs = number_pairs(rows)

    assert (pairs.here.tolist(), pairs.there.tolist(), pairs.row.tolist()) == ([1.0, 4.0], [2.0, 5.0], [0, 3])
    assert pairs.whole.tolist() == [True, False, False, True]
    assert rows.both.tolist() == [True, False, False, True]


def test_lists_are_pairs_of_elements_where_they_are_as_long():
    rows = DifferingRows(pa.array([[1.0, 2.0], [1.0], [3.0], []]), pa.array([[1.0, 3.0], [1.0, 2.0], [None], []]))
    pairs = number_pairs(rows)

    assert (pairs.here.tolist(), pairs.there.tolist(), pairs.row.tolist()) == ([1.0, 2.0], [1.0, 3.0], [0, 0])
    assert pairs.whole.tolist() == [True, False, False, False]
    assert pairs.rows_where(pairs.here == pairs.there).tolist() == [False] * 4
    assert pairs.distinct == 2


def test_names_are_no_numbers():
    assert number_pairs(DifferingRows(pa.array(["a"]), pa.array(["b"]))) is None
    assert number_pairs(DifferingRows(pa.array([["a"]]), pa.array([["b"]]))) is None
    assert number_pairs(DifferingRows(pa.array([1]), pa.array(["b"]))) is None
