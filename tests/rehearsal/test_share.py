"""How large a share is for sure, against the closed form of Wilson's interval and of a mean of clusters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.rehearsal.share import low_share


def found(rows: int, hits: int) -> np.ndarray:
    return np.arange(rows) < hits


def test_rows_drawn_one_by_one_have_wilsons_interval():
    expected = stats.binomtest(30, 1_000).proportion_ci(0.95, method="wilson").low
    assert low_share(found(1_000, 30), np.zeros(1_000, np.int64), 0) == pytest.approx(expected)


def test_blocks_that_are_all_there_are_rows_like_any_other():
    blocks = np.arange(1_000) % 4
    expected = stats.binomtest(30, 1_000).proportion_ci(0.95, method="wilson").low
    assert low_share(found(1_000, 30), blocks, 4) == pytest.approx(expected)


def test_one_bad_block_of_many_proves_little():
    blocks = np.repeat(np.arange(10), 100)
    assert low_share(blocks == 0, blocks, 1_000) == 0.0


def test_many_blocks_that_are_alike_prove_much():
    blocks = np.repeat(np.arange(10), 100)
    half = np.arange(1_000) % 2 == 0
    assert 0.45 < low_share(half, blocks, 1_000) < 0.5


def test_the_spread_between_blocks_decides():
    blocks = np.repeat(np.arange(4), 100)
    rejected = np.concatenate([np.arange(100) < hits for hits in (40, 50, 60, 70)])
    shares = np.array([0.4, 0.5, 0.6, 0.7])
    error = np.sqrt(shares.var(ddof=1) / 4 * (1 - 4 / 8))
    expected = shares.mean() - stats.t.ppf(0.975, 3) * error
    assert low_share(rejected, blocks, 8) == pytest.approx(expected, rel=0.01)


def test_one_block_of_several_or_no_row_proves_nothing():
    assert low_share(np.ones(100, bool), np.zeros(100, np.int64), 2) == 0.0
    assert low_share(np.zeros(0, bool), np.zeros(0, np.int64), 0) == 0.0
