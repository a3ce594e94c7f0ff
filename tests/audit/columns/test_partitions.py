"""Counts by part against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from replay.audit.columns.partitions import make_partitions

ROWS = 3000


@pytest.mark.parametrize("sizes", [(1,), (3, 1), (3, 4, 5), (7, 30, 40), (1000, 2, 3)])
def test_counts_of_each_division_are_those_of_pandas(sizes):
    rng = np.random.default_rng(0)
    divisions = [rng.integers(-1, size - 1, ROWS) for size in sizes]
    codes = rng.integers(0, 6, ROWS).astype(np.uint8)

    found = {}
    for partition in make_partitions(divisions):
        for number, parts, counts in partition.count(codes, 6):
            found[number] = (parts, counts)

    assert sorted(found) == list(range(len(sizes)))
    for number, division in enumerate(divisions):
        expected = pd.crosstab(division, codes).reindex(columns=range(6), fill_value=0)
        parts, counts = found[number]
        assert parts.tolist() == expected.index.tolist()
        assert (counts == expected.to_numpy()).all()


def test_some_of_the_rows():
    (partition,) = make_partitions([np.array([5, 5, 9])])

    ((_, parts, counts),) = partition.of(np.array([True, False, True])).count(np.array([1, 0]), 2)

    assert (parts.tolist(), counts.tolist()) == ([5, 9], [[0, 1], [1, 0]])


def test_few_groups_are_counted_at_once():
    divisions = [np.arange(100) % 4, np.arange(100) % 5, np.arange(100) % 100]

    assert [each.divisions for each in make_partitions(divisions)] == [(0, 1), (2,)]
