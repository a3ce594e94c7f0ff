"""Mismatched rows by entity."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.incidents.background.entities import EntityCells, capped_count
from replay.diagnosis.incidents.cells import TimeCells, slicings
from replay.diagnosis.incidents.rows import RowTable


def test_all_rows_of_one_entity_are_one_group():
    assert capped_count(np.full(200, 7), None, 8.0) == 8.0
    assert capped_count(np.full(200, 7), np.arange(200) // 10, 1.0) == 10.0


def test_rows_of_many_entities_all_count():
    assert capped_count(np.arange(200), None, 1.0) == 200.0
    assert capped_count(np.arange(200) // 10, np.arange(200) // 10, 1.0) == 200.0


def test_one_among_others():
    entity = np.concatenate([np.zeros(100), np.arange(1, 101)])

    assert capped_count(entity, None, 8.0) == pytest.approx(108.0)
    assert capped_count(entity[:0], None, 8.0) == 0.0


@pytest.mark.parametrize("length", [1, 3, 8])
def test_windows_count_as_their_rows_would_alone(length):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 2_000).astype(np.int32)
    entity, zeros = rng.integers(0, 4, 2_000), np.zeros(2_000)
    table = RowTable(np.arange(2_000), zeros, zeros, {"half": (codes, ("a", "b"))}, entity=entity)
    cells, (everyone, halves) = TimeCells.of_times(table.time_us, 10_000), slicings(table)
    mismatched = np.flatnonzero(rng.random(2_000) < 0.3)

    for slicing in (everyone, halves):
        num_windows = len(cells) // length
        found = EntityCells.of_rows(table, mismatched, cells, slicing, 5.0).windows(length, num_windows)
        assert found.shape == (num_windows, len(slicing.values))
        for window, which in np.ndindex(*found.shape):
            inside = cells.of_row[mismatched] // length == window
            inside &= slicing.of_row[mismatched] == which
            assert found[window, which] == capped_count(entity[mismatched][inside], None, 5.0)


def test_windows_without_mismatched_rows_count_for_nothing():
    table = RowTable(np.arange(100), np.zeros(100), np.zeros(100), entity=np.zeros(100))
    cells, (everyone,) = TimeCells.of_times(table.time_us, 10_000), slicings(table)

    assert not EntityCells.of_rows(table, np.arange(0), cells, everyone, 5.0).windows(1, 3).any()
