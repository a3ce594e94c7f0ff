from __future__ import annotations

import numpy as np
import pytest

from replay.diff.slices.cells import find_cells


@pytest.mark.parametrize("sizes", [(3, 4), (3, 500, 40), (2**20, 2**20, 2**20, 2**20)])
def test_sums_by_any_dimension_equal_plain_sums(sizes):
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, size, 700) // max(size // 5, 1) * max(size // 5, 1) for size in sizes]
    value, flag = rng.normal(size=700), rng.random(700) < 0.3
    cells = find_cells(list(zip(codes, sizes, strict=True)), 700)
    assert cells.count == len(set(zip(*(code.tolist() for code in codes), strict=True)))
    sums = cells.sum([value, flag])
    for dimension, code in enumerate(codes):
        keys, rolled = cells.roll_up(sums, dimension)
        for key, row in zip(keys, rolled, strict=True):
            rows = code == int(key) >> 32
            assert row == pytest.approx([value[rows].sum(), flag[rows].sum()])
    keys, rolled = cells.roll_up(sums, 0, 1)
    for key, row in zip(keys, rolled, strict=True):
        rows = (codes[0] == int(key) >> 32) & (codes[1] == int(key) & 0xFFFFFFFF)
        assert row == pytest.approx([value[rows].sum(), flag[rows].sum()])


def test_sums_of_some_rows():
    cells = find_cells([(np.array([0, 1, 0, 1]), 2)], 4)
    picked = np.array([0, 3])
    assert cells.sum([np.array([5.0, 7.0]), np.array([True, False])], picked).tolist() == [[5, 1], [7, 0]]
