"""What a task counts of its scores, against Python's own integers; and that where batches end changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from operator import xor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from replay.diff import chunk
from replay.diff.first_pass import FirstPass
from replay.diff.measure import measure
from replay.scenarios import row_keys
from replay.scoring.table.tally import Tallied, Tally, TallyPlan
from replay.traffic import KeyFingerprint
from tests.diff.table import SPEC, scores_table

KEYS_ONLY = TallyPlan(("user", "item"), None, None, 0)
COMPARED = TallyPlan(("request_id", "item_id"), "event_time", SPEC, 5)


def counted(plan: TallyPlan, *batches: pa.RecordBatch) -> tuple[Tallied, np.ndarray]:
    tally = Tally(plan)
    for batch in batches:
        tally.update(batch)
    return tally.finish()


def keyed(users: Sequence[Any], items: Sequence[Any]) -> pa.RecordBatch:
    return pa.record_batch({"user": pa.array(users, pa.int64()), "item": pa.array(items, pa.string())})


def cut(table: pa.Table, places: Sequence[int]) -> list[pa.RecordBatch]:
    """The table in batches that end at these rows; two equal ones make an empty batch."""
    whole = table.combine_chunks().to_batches()[0]
    return [whole.slice(start, end - start) for start, end in pairwise((0, *places, table.num_rows))]


def test_keys_are_counted_summed_and_folded_together():
    batches = [keyed([1, 2], ["a", "b"]), keyed([1, 3, 2], ["b", "a", "a"])]
    digests = [int(each) for batch in batches for each in row_keys(batch.columns)]
    tallied, found = counted(KEYS_ONLY, *batches)

    assert tallied.keys == KeyFingerprint(5, sum(digests) % 2**64, reduce(xor, digests))
    assert found.dtype == np.uint64
    assert found.tolist() == sorted(digests)
    assert (tallied.null_keys, tallied.repeated, tallied.times, tallied.diff) == (0, False, None, None)


def test_the_parts_of_a_key_are_told_apart():
    one, _ = counted(KEYS_ONLY, keyed([1, 2], ["1", "2"]))
    other, _ = counted(KEYS_ONLY, keyed([1, 2], ["2", "1"]))
    assert one.keys != other.keys


@pytest.mark.parametrize(
    ("users", "items", "rows"),
    [
        ([1, 2, 3], ["a", "b", "c"], 0),
        ([1, None, 3], ["a", "b", "c"], 1),
        ([1, None, 3], [None, "b", "c"], 2),
        ([1, None, 3], ["a", None, "c"], 1),
        ([None, None, None], ["a", "b", "c"], 3),
    ],
)
def test_a_key_that_is_null_in_part_is_one_row(users: list[Any], items: list[Any], rows: int):
    whole, _ = counted(KEYS_ONLY, keyed(users, items))
    apart, _ = counted(KEYS_ONLY, *(keyed([user], [item]) for user, item in zip(users, items, strict=True)))
    assert whole.null_keys == apart.null_keys == rows


@pytest.mark.parametrize("apart", [False, True])
def test_a_key_that_is_there_twice_is_seen_in_one_batch_and_across_batches(apart: bool):
    batches = [keyed([1, 2], ["a", "b"]), keyed([3, 1], ["c", "a"])]
    if not apart:
        batches = [keyed([1, 2, 3, 1], ["a", "b", "c", "a"])]
    assert counted(KEYS_ONLY, *batches)[0].repeated


def test_keys_that_share_a_part_are_not_the_same():
    assert not counted(KEYS_ONLY, keyed([1, 1, 2], ["a", "b", "a"]))[0].repeated


def test_no_row_leaves_nothing():
    expected = Tallied(KeyFingerprint(0, 0, 0), 0, repeated=False, times=None, diff=None)
    for batches in ([], [keyed([], [])]):
        tallied, digests = counted(KEYS_ONLY, *batches)
        assert tallied == expected
        assert digests.size == 0


def test_times_are_the_earliest_and_the_latest_that_there_are():
    plan = TallyPlan(("id",), "t", None, 0)

    def batch(*micros: int | None) -> pa.RecordBatch:
        times = pa.array(micros, pa.timestamp("us", "UTC"))
        return pa.record_batch({"id": pa.array(range(len(micros)), pa.int64()), "t": times})

    assert counted(plan, batch(5, None, 9), batch(None), batch(-3, 7))[0].times == (-3, 9)
    assert counted(plan, batch(None, None), batch())[0].times is None


def test_columns_are_those_that_are_looked_at_once_each():
    assert KEYS_ONLY.columns == ("user", "item")
    assert TallyPlan(("id", "t"), "t", None, 0).columns == ("id", "t")
    assert COMPARED.columns[:3] == ("request_id", "item_id", "event_time")
    assert set(COMPARED.columns) == {"item_id", *SPEC.columns}
    assert len(set(COMPARED.columns)) == len(COMPARED.columns)


def test_the_diff_is_the_first_pass_over_the_same_rows():
    table = scores_table()
    tallied, _ = counted(COMPARED, *cut(table, []))
    assert tallied.diff is not None
    expected = FirstPass.empty(SPEC, COMPARED.key, COMPARED.worst_rows).update(cut(table, [])[0])
    found = FirstPass.from_bytes(tallied.diff)

    assert measure(found.sums).metric_rows == measure(expected.sums).metric_rows
    assert repr(found.worst.compute()) == repr(expected.worst.compute())  # NaN is no equal of itself
    assert [len(rows) for rows in found.worst.compute().values()] == [5] * len(SPEC.variants)


CUTS = [
    [],
    [1],
    [899],
    [450, 450],
    [191, 192, 193],
    list(range(7, 900, 7)),
    list(range(64, 900, 64)),
    [128, 256, 700],
]


@pytest.mark.parametrize("places", CUTS, ids=lambda places: f"{len(places)} cuts")
def test_where_batches_end_changes_no_bit(places: list[int], monkeypatch: pytest.MonkeyPatch):
    """A chunk's worth is 128 rows here, so that the table is several chunks; the last has at most half as many again.

    ``finish`` ends one task's part: another attempt at the run adds up the same parts, of the same bytes.
    """
    monkeypatch.setattr(chunk, "CHUNK_ROWS", 128)
    monkeypatch.setattr(chunk, "_MOST_ROWS", 192)
    table = scores_table()
    expected, sorted_digests = counted(COMPARED, *cut(table, []))
    tallied, digests = counted(COMPARED, *cut(table, places))

    assert tallied.diff == expected.diff
    assert tallied == expected
    assert np.array_equal(digests, sorted_digests)
