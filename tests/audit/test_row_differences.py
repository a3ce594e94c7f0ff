"""Counts of differing rows against pandas, and the laws of merging."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from replay.audit.row_differences import CLUSTERS, FeatureCounts, PairedRows, RowDifferences
from replay.hashing import mix

NUM_ROWS = 3000


def make_rows(seed: int = 0, matched: float = 0.9) -> PairedRows:
    rng = np.random.default_rng(seed)
    keys = mix(np.arange(seed * NUM_ROWS, (seed + 1) * NUM_ROWS, dtype=np.uint64))
    here = rng.integers(0, 5, NUM_ROWS)
    there = np.where(rng.random(NUM_ROWS) < 0.2, rng.integers(0, 5, NUM_ROWS), here)
    return PairedRows(
        keys,
        mix(np.arange(NUM_ROWS, dtype=np.uint64) // np.uint64(10)),
        rng.random(NUM_ROWS) < matched,
        {"surface": pa.array(rng.choice(["home", "search"], NUM_ROWS))},
        {"n": pa.array(here, mask=rng.random(NUM_ROWS) < 0.1), "same": pa.array(here)},
        {"n": pa.array(there, mask=rng.random(NUM_ROWS) < 0.3), "same": pa.array(here)},
        pa.record_batch({"id": pa.array(np.arange(NUM_ROWS))}),
    )


def part(rows: PairedRows, mask) -> RowDifferences:
    state = RowDifferences()
    state.update(rows.filter(mask))
    return state


def as_frame(rows: PairedRows) -> pd.DataFrame:
    frame = pd.DataFrame({"here": rows.here["n"].to_pandas(), "there": rows.there["n"].to_pandas()})
    frame["surface"], frame["matched"] = rows.segments["surface"].to_pandas(), rows.matched
    return frame[frame.matched]


def codes_of(frame: pd.DataFrame) -> list[int]:
    here, there = frame.here.isna(), frame.there.isna()
    both = frame[~here & ~there]
    equal = int((both.here == both.there).sum())
    return [equal, len(both) - equal, int((here & ~there).sum()), int((~here & there).sum()), int((here & there).sum())]


def test_counts_are_those_of_pandas():
    rows, state = make_rows(), RowDifferences()
    state.update(rows)
    frame, numbers = as_frame(rows), dict(state.slices.kept())
    counts = state.features["n"].counts

    assert (state.rows, state.unmatched) == (len(frame), NUM_ROWS - len(frame))
    assert counts[0].tolist() == codes_of(frame)
    for value in ("home", "search"):
        assert counts[numbers[f"surface={value}"]].tolist() == codes_of(frame[frame.surface == value])
    assert state.features["same"].counts[0].tolist() == [len(frame), 0, 0, 0, 0]
    assert "same" not in state.examples


def test_clusters_hold_every_differing_row_once():
    state = RowDifferences()
    state.update(make_rows())
    counts = state.features["n"]

    assert (counts.differing.sum(axis=1) == counts.counts[:, 1:4].sum(axis=1)).all()
    assert (counts.nulls.sum(axis=1) == counts.counts[:, 3] - counts.counts[:, 2]).all()
    assert state.rows_by_cluster.shape == (3, CLUSTERS)
    assert state.rows_by_cluster.sum(axis=1).tolist() == [state.rows, *counts.counts[1:].sum(axis=1)]


def test_parts_in_any_order_give_what_one_pass_gives():
    rows = make_rows()
    split = np.random.default_rng(1).integers(0, 4, NUM_ROWS)
    whole = part(rows, np.ones(NUM_ROWS, dtype=bool))
    parts = [part(rows, split == number) for number in range(4)]
    for order in (parts, parts[::-1]):
        merged = RowDifferences()
        for each in order:
            merged.merge(pickle.loads(pickle.dumps(each)))
        to_whole = [dict(merged.slices.kept())[label] for label, _ in whole.slices.kept()]
        of_whole = [place for _, place in whole.slices.kept()]
        for name in ("counts", "differing", "nulls"):
            found, expected = getattr(merged.features["n"], name), getattr(whole.features["n"], name)
            assert (found[to_whole] == expected[of_whole]).all()
        assert (merged.rows_by_cluster[to_whole] == whole.rows_by_cluster[of_whole]).all()
        assert merged.examples["n"].rows().equals(whole.examples["n"].rows())
        assert merged.unmatched_examples.rows().equals(whole.unmatched_examples.rows())
        assert (merged.rows, merged.unmatched) == (whole.rows, whole.unmatched)


def test_examples_hold_both_values_and_what_is_beside_them():
    rows, state = make_rows(), RowDifferences()
    statuses = {"n": pa.array(np.arange(NUM_ROWS) % 4)}
    state.update(replace(rows, statuses=statuses, value_times={"n": pa.array(np.arange(NUM_ROWS) * 2)}))
    examples = state.examples["n"].rows().to_pandas()

    assert 500 < len(examples) <= 1000
    for example in examples.sample(50, random_state=0).itertuples(index=False):
        row, here, there, status, time = example
        assert (status, time) == (row % 4, row * 2)
        for side, value in ((rows.here, here), (rows.there, there)):
            logged = side["n"][row].as_py()
            assert (pd.isna(value) and logged is None) or value == logged


@pytest.mark.parametrize("numbers", [[0, -1, 1], [0, 2, 1]])
def test_counts_are_merged_by_the_numbers_of_slices(numbers):
    one, other = FeatureCounts(), FeatureCounts()
    codes, slices = np.array([0, 1, 3], dtype=np.int8), [np.array([1, 2, 2])]
    other.update(codes, slices, np.array([0, 1, 1]), 3)
    one.merge(other, np.array(numbers), 3)

    assert one.counts[0].tolist() == [1, 1, 0, 1, 0]
    assert one.counts[1].tolist() == [0, 1, 0, 1, 0]
    assert one.counts[2].tolist() == ([0, 0, 0, 0, 0] if numbers[1] == -1 else [1, 0, 0, 0, 0])


def test_the_ends_of_equal_numbers_are_those_of_pandas_in_any_order():
    rows = make_rows()
    numbers = np.random.default_rng(1).normal(size=NUM_ROWS)
    other = np.where(rows.there["n"].is_valid(), numbers, numbers * 3)
    rows = replace(
        rows,
        here={"x": pa.array(numbers), "t": pa.array(["a"] * NUM_ROWS)},
        there={"x": pa.array(other), "t": pa.array(["a"] * NUM_ROWS)},
    )
    equal = pd.Series(numbers)[rows.matched & (numbers == other)]
    halves = [part(rows, np.arange(NUM_ROWS) % 2 == odd) for odd in (0, 1)]
    halves[0].merge(halves[1])

    assert halves[0].features["x"].equal == (equal.min(), equal.max())
    assert halves[0].features["t"].equal == (np.inf, -np.inf)
