from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pyarrow as pa

from replay.scenarios import row_keys
from replay.scenarios.least_change import SlicedSummary, summary_of
from tests.scenarios.least_change.making import matched, randoms

SURFACES = np.array(["home", "search", "home", "related"] * 2500)
HERE = pa.array(np.where(SURFACES == "home", 1.0, 2.0))
SLICES = row_keys([pa.array(SURFACES)])
EMPTY = partial(summary_of, "numbers", HERE.type)
THERE = pa.array(np.where(SURFACES == "home", 1.0, np.nan), from_pandas=True)


def summarized(values: pa.Array, slices: np.ndarray) -> SlicedSummary:
    summary = SlicedSummary(EMPTY)
    summary.update(values, slices)
    return summary


def test_each_slice_has_a_distribution_of_its_own_and_one_without_a_reference_stays():
    known = np.isin(SURFACES, ["home", "search"])
    reference = summarized(THERE.filter(pa.array(known)), SLICES[known])

    got = summarized(HERE, SLICES).change_to(reference).apply(HERE, randoms(len(HERE)), SLICES)

    assert got.filter(pa.array(SURFACES == "home")).to_pylist() == [1.0] * 5000
    assert got.filter(pa.array(SURFACES == "search")).null_count == 2500
    assert got.filter(pa.array(SURFACES == "related")).to_pylist() == [2.0] * 2500


def test_a_slice_is_changed_as_it_would_be_alone():
    here = pa.array(np.arange(10_000.0) % 7)
    there = pa.array(np.arange(10_000.0) % 5)
    bits = randoms(10_000)

    got = summarized(here, SLICES).change_to(summarized(there, SLICES)).apply(here, bits, SLICES)

    for surface in ("home", "search"):
        rows = surface == SURFACES
        mine, its = (values.filter(pa.array(rows)) for values in (here, there))
        alone = summary_of("numbers", mine.type), summary_of("numbers", its.type)
        alone[0].update(mine)
        alone[1].update(its)
        assert got.filter(pa.array(rows)).equals(alone[0].change_to(alone[1]).apply(mine, bits[rows]))


def test_parts_are_merged_and_travel():
    parts = [summarized(HERE[start : start + 999], SLICES[start : start + 999]) for start in range(0, 10_000, 999)]
    first = pickle.loads(pickle.dumps(parts.pop()))
    for part in parts:
        first.merge(part)

    assert {name: summary.rows for name, summary in first.slices.items()} == {
        name: summary.rows for name, summary in summarized(HERE, SLICES).slices.items()
    }


def test_one_slice_is_the_whole():
    one = np.zeros(10_000, np.uint64)

    got = summarized(HERE, one).change_to(summarized(THERE, one)).apply(HERE, randoms(10_000), one)

    assert got.equals(matched(HERE, THERE, "numbers"))


def test_no_rows():
    change = summarized(HERE, SLICES).change_to(summarized(THERE, SLICES))

    assert change.apply(HERE[:0], randoms(0), SLICES[:0]).equals(HERE[:0])
