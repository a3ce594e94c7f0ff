"""Summaries of batches: cut anyhow, and of either table in one type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from replay.scenarios.matching import merge_summaries, slices_of, summarize, summarized_columns
from replay.scenarios.outside import MatchTarget
from tests.scenarios.making import model

X, ID = MatchTarget("other", (), "x"), MatchTarget("other", ("surface",), "f.id")
TYPES = {"x": pa.float32(), "f.id": pa.int64()}
MODEL = model("x", "f.id")


def batch(count: int, seed: int) -> pa.RecordBatch:
    draw = np.random.default_rng(seed)
    nested = [{"id": int(value)} for value in draw.integers(0, 4, count)]
    return pa.RecordBatch.from_pydict(
        {
            "x": pa.array(draw.standard_normal(count), mask=draw.random(count) < 0.1),
            "f": pa.array(nested, pa.struct([("id", pa.int32())])),
            "surface": pa.array([["home", "search", None][value] for value in draw.integers(0, 3, count)]),
        }
    )


def counts(summaries: Any) -> Any:
    return {
        target: {name: (each.rows, each.nulls) for name, each in sorted(summary.slices.items())}
        for target, summary in summaries.items()
    }


def test_columns_are_counted_in_the_traffics_types():
    columns = summarized_columns([X, ID], MODEL, TYPES)
    assert (columns[X].form, columns[ID].form) == (pa.float32(), pa.int64())
    assert (columns[X].kind, columns[X].most) == ("numbers", 65_536)
    assert columns[ID].by == ("surface",)


def test_many_columns_share_the_cells():
    targets = [MatchTarget("other", (), f"a{place}") for place in range(1_000)]
    types = {target.feature: pa.float64() for target in targets}
    assert summarized_columns(targets, model(*types), types)[targets[0]].most == 4_000


def test_rows_are_counted_by_slice():
    rows = batch(1_000, 0)
    found = summarize([rows], summarized_columns([X, ID], MODEL, TYPES))
    surfaces = np.array(rows["surface"].to_pylist(), object)
    by_hash = dict(zip(slices_of(rows, ["surface"]).tolist(), surfaces, strict=True))
    assert counts(found)[X] == {0: (1_000, rows["x"].null_count)}
    expected = {name: (int((surfaces == surface).sum()), 0) for name, surface in by_hash.items()}
    assert counts(found)[ID] == expected
    assert len(expected) == 3


def test_parts_are_merged_to_the_whole():
    columns = summarized_columns([X, ID], MODEL, TYPES)
    rows = batch(1_000, 1)
    parts = [summarize([rows.slice(start, 300)], columns) for start in (600, 0, 900, 300)]
    whole, merged = summarize([rows], columns), merge_summaries(parts, columns)
    reference = summarize([batch(500, 2)], columns)
    assert counts(merged) == counts(whole)
    randoms, slices = np.arange(1_000, dtype=np.uint64) << np.uint64(50), slices_of(rows, ["surface"])
    ids = pa.array([row["id"] for row in rows["f"].to_pylist()], pa.int64())
    one, other = (each[ID].change_to(reference[ID]).apply(ids, randoms, slices) for each in (whole, merged))
    assert one.equals(other)
    assert counts(merge_summaries([], columns)) == {X: {}, ID: {}}


def test_slices_of_equal_values_are_the_same_in_any_table():
    first, second = (
        pa.RecordBatch.from_pydict({"a": pa.array([1, 2], kind), "b": ["x", None]}) for kind in (pa.int8(), pa.int64())
    )
    assert slices_of(first, ["a", "b"]).tolist() == slices_of(second, ["a", "b"]).tolist()
    assert slices_of(first, []).tolist() == [0, 0]
