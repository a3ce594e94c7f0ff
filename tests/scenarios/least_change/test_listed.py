from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import wasserstein_distance

from tests.scenarios.least_change.making import matched, randoms, summarized

FORM = pa.large_list(pa.int64())
ROWS = 5000


def drawn(seed: int, nulls: float, rate: float) -> pa.Array:
    """Lists of a length that is Poisson's, with the row's number in every place."""
    draws = np.random.default_rng(seed)
    lengths, gone = draws.poisson(rate, ROWS), draws.random(ROWS) < nulls
    return pa.array([None if gone[i] else [i] * lengths[i] for i in range(ROWS)], FORM)


def lengths(values: pa.Array) -> list[int]:
    return [len(value) for value in values.drop_null().to_pylist()]


@pytest.mark.parametrize(("before", "after", "rate"), [(0.1, 0.4, 5), (0.4, 0.1, 2), (0.0, 0.0, 4)])
def test_coverage_and_lengths_become_the_references(before, after, rate):
    here, there = drawn(1, before, 3), drawn(2, after, rate)

    got = matched(here, there, "lists")

    assert got.null_count / ROWS == pytest.approx(there.null_count / ROWS, abs=4 / np.sqrt(ROWS) * 0.5)
    assert wasserstein_distance(lengths(got), lengths(there)) < 4 * np.sqrt(rate / ROWS) + 0.05


def test_shorter_lists_are_cut_and_longer_ones_keep_what_they_have():
    here, there = drawn(1, 0.1, 3), drawn(2, 0.1, 4)

    got = matched(here, there, "lists")

    for row, (before, after) in enumerate(zip(here.to_pylist(), got.to_pylist(), strict=True)):
        if before is not None and after is not None:
            both = min(len(before), len(after))
            assert after[:both] == [row] * both


def test_embeddings_are_taken_whole():
    there = pa.array([[1.0, 2.0], [3.0, 4.0]] * 50, pa.large_list(pa.float64()))
    here = pa.array([None, [5.0, 6.0]] * 50, there.type)

    got = matched(here, there, "lists")

    assert {tuple(value) for value in got.to_pylist()} == {(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)}
    assert got.to_pylist()[1::2] == here.to_pylist()[1::2]


def test_the_same_distribution_moves_nobody():
    here = drawn(1, 0.1, 3)

    assert matched(here, pa.concat_arrays([here, here]), "lists").equals(here)


def test_parts_in_any_order_are_the_whole_and_rows_are_changed_by_themselves():
    here, there = drawn(1, 0.3, 3), drawn(2, 0.1, 4)
    whole = summarized(there, "lists")
    parts = [summarized(there.slice(start, 777), "lists") for start in range(0, ROWS, 777)]
    for part in reversed(parts[:-1]):
        parts[-1].merge(part)
    bits = randoms(ROWS)

    one, other = (summarized(here, "lists").change_to(reference) for reference in (whole, parts[-1]))
    got = one.apply(here, bits)

    assert got.equals(pickle.loads(pickle.dumps(other)).apply(here, bits))
    assert pa.concat_arrays([one.apply(here.slice(i, 1), bits[i : i + 1]) for i in range(200)]).equals(got[:200])


def test_the_share_that_moves_is_told():
    here, there = drawn(1, 0.1, 3), drawn(2, 0.3, 3)
    change = summarized(here, "lists").change_to(summarized(there, "lists"))

    got = change.apply(here, randoms(ROWS))

    moved = np.mean([one != other for one, other in zip(here.to_pylist(), got.to_pylist(), strict=True)])
    assert moved == pytest.approx(change.moved, abs=4 * 0.5 / np.sqrt(ROWS))
