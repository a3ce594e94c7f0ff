"""Which names are counted each by itself: the same in any sample of the same table."""

from __future__ import annotations

import numpy as np
import pytest

from replay.audit.columns.common_names import common_names


def _counted(rng: np.random.Generator, shares: np.ndarray, rows: int) -> dict[str, int]:
    counts = rng.multinomial(rows, shares)
    return {f"n{place:04d}": int(count) for place, count in enumerate(counts) if count}


def test_few_names_are_all_chosen_the_commonest_first():
    assert common_names({"b": 1, "a": 1, "c": 5}, 3) == ["c", "a", "b"]
    assert common_names({}, 3) == []


@pytest.mark.parametrize("seed", range(20))
def test_of_many_that_are_alike_but_for_chance_none_is(seed: int):
    counts = _counted(np.random.default_rng(seed), np.full(3000, 1 / 3000), 20_000)

    assert common_names(counts, 22) == []


@pytest.mark.parametrize("seed", range(20))
def test_those_that_stand_out_are_whatever_the_sample(seed: int):
    """Five of 10% each before 3,000 that share the rest: they have 2,000 rows each and the others 3."""
    shares = np.concatenate((np.full(5, 0.1), np.full(3000, 0.5 / 3000)))
    counts = _counted(np.random.default_rng(seed), shares, 20_000)

    assert sorted(common_names(counts, 22)) == [f"n{place:04d}" for place in range(5)]
