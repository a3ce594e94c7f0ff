"""Cells of values, by hand and by numpy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.audit.columns.cells import FIRST_CELL, NAN_CELL, NULL_CELL, NUM_CELLS, NameCells, NumberCells, cells_of


def test_few_numbers_have_a_cell_each():
    cells = cells_of(pa.array([3, 1, 1, 2, None]))

    codes = cells.codes(pa.array([1, 2, 3, None, 9, 0]))

    assert cells.edges.tolist() == [1.0, 2.0, 3.0]
    assert codes.tolist() == [FIRST_CELL, FIRST_CELL + 1, FIRST_CELL + 2, NULL_CELL, FIRST_CELL + 3, FIRST_CELL]


def test_many_numbers_are_cut_into_about_equal_parts():
    values = np.random.default_rng(0).lognormal(size=10_000)
    cells = cells_of(pa.array(values))

    counts = np.bincount(cells.codes(pa.array(values)), minlength=NUM_CELLS)[FIRST_CELL:]

    held = counts[counts > 0]
    assert held.size == 29
    assert held.min() > 300
    assert held.max() < 400


def test_nan_is_no_null():
    cells = cells_of(pa.array([1.0, float("nan"), None]))

    assert cells.codes(pa.array([float("nan"), None, 1.0])).tolist() == [NAN_CELL, NULL_CELL, FIRST_CELL]


def test_the_commonest_names_have_a_cell_each_and_the_rest_share():
    names = [f"n{number}" for number in range(100) for _ in range(200 if number < 22 else 10)]
    cells = cells_of(pa.array(names))

    codes = cells.codes(pa.array(["n0", "n21", "n22", "never seen", None]))

    assert isinstance(cells, NameCells)
    assert len(cells.names) == 22
    assert codes[:2].tolist() == [FIRST_CELL, FIRST_CELL + sorted(names[: 22 * 200 : 200]).index("n21")]
    assert ((codes[2:4] >= FIRST_CELL + 22) & (codes[2:4] < NUM_CELLS)).all()
    assert codes[4] == NULL_CELL
    assert (cells.codes(pa.array(names).dictionary_encode()) == cells.codes(pa.array(names))).all()


def test_ids_are_names_and_lists_have_lengths():
    assert isinstance(cells_of(pa.array([7, 7, 8]), categorical=True), NameCells)
    assert isinstance(cells_of(pa.array([7, 7, 8])), NumberCells)
    lists = cells_of(pa.array([[1], [1, 2], None]))
    assert lists.codes(pa.array([[5], [1, 2], None])).tolist() == [FIRST_CELL, FIRST_CELL + 1, NULL_CELL]


@pytest.mark.parametrize("sample", [pa.nulls(3), pa.array([None], pa.float64()), pa.array([], pa.string())])
def test_a_sample_of_nulls_alone_has_cells(sample):
    codes = cells_of(sample).codes(sample)

    assert (codes == NULL_CELL).all()


def test_what_has_no_text_has_no_cells():
    assert cells_of(pa.array([{"a": 1}])) is None
