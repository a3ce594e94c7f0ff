from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from replay.diff.chunk import decode
from replay.diff.grid import DiffState
from replay.diff.measure import bucket_counts, measure
from replay.diff.slices.cells import PAIR_LOW, PAIR_SHIFT
from replay.diff.slices.contribution import WIDTH
from replay.diff.slices.tables import SliceTables
from replay.diff.spec import DiffSpec, VariantColumn
from tests.diff.oracle import TABLE, diffed, plain
from tests.diff.table import SPEC, batches
from tests.metrics.state_tester import check_state, same


def test_many_combinations_give_the_same_slices(monkeypatch):
    expected = plain(measure(diffed(SPEC)))
    monkeypatch.setattr("replay.diff.slices.tables._MAX_FINE_CELLS", 4)
    coarse = plain(measure(diffed(SPEC)))
    assert coarse["variants"] == expected["variants"]
    assert same(coarse["metric_rows"], expected["metric_rows"], 1e-9)
    assert bucket_counts(diffed(SPEC), "prod").num_rows > 0


def test_many_values_and_buckets_are_put_together_and_noted():
    narrow = replace(SPEC, max_values=2, max_buckets=3, group=None)
    result = measure(diffed(narrow))
    slices = {row.slice for row in result.metric_rows}
    assert {"surface=feed", "surface=home", "surface=(other)", "surface=(null)"} <= slices
    assert "surface=search" not in slices
    assert result.bucket == timedelta(minutes=4)
    assert [note.split()[0] for note in result.notes] == ["segment", "the", "label"]
    check_state(lambda: DiffState(narrow), batches(TABLE), lambda state: plain(measure(state)), rel=1e-8)
    rates = {
        row.slice: row
        for row in result.metric_rows
        if (row.variant, row.against, row.metric, row.bucket) == ("prod", "online", "mismatch_rate", None)
    }
    assert sum(rates[f"surface={name}"].rows for name in ("feed", "home", "(other)", "(null)")) == rates["all"].rows


SMALL = DiffSpec(
    "online", (VariantColumn("prod", "prod"),), "prod", SPEC.tolerance, time="t", segments=("s",), rejected=None
)
MINUTE = 60_000_000


def counted(values, minutes, spec=SMALL):
    """Tables in which every row adds 1 to the count of rows, and nothing to the sums of its two scores."""
    times = [None if minute is None else minute * MINUTE for minute in minutes]
    scores = [0.5] * len(values)
    table = pa.table(
        {"online": scores, "prod": scores, "s": pa.array(values, pa.string()), "t": pa.array(times, pa.int64())}
    )
    found = SliceTables(spec, 2)
    plans, _ = found.place(decode(table, spec))
    for plan in plans:
        found.add(plan, [np.zeros((plan.cells.count, WIDTH))] * 2, plan.cells.sum([np.ones(len(values))]))
    return found


def rows_of(found, table):
    """Rows by label of the value and minute; None is a row without a time, or a table that has none."""
    starts = [None, *(start // MINUTE for start in found.time.starts_us())]
    keyed = found.tables[table]
    high, low = (keyed.keys >> PAIR_SHIFT).tolist(), (keyed.keys & PAIR_LOW).tolist()
    label = found.axes[0].label if table.startswith("value") else starts.__getitem__
    return {(label(a), starts[b]): count for a, b, count in zip(high, low, keyed.sums[:, 0].tolist(), strict=True)}


def test_rows_are_counted_by_value_by_minute_and_by_both():
    found = counted(["a", "b", "a", None, "a"], [3, 3, 4, 4, None])
    assert rows_of(found, "value.0") == {("a", None): 3, ("b", None): 1, ("(null)", None): 1}
    assert rows_of(found, "bucket") == {(3, None): 2, (4, None): 2, (None, None): 1}
    assert rows_of(found, "value.0.bucket") == {
        ("a", 3): 1,
        ("b", 3): 1,
        ("a", 4): 1,
        ("(null)", 4): 1,
        ("a", None): 1,
    }


def test_parts_that_met_values_and_minutes_in_another_order_merge():
    whole = counted(["a", "b", "c", "b"], [3, 4, 5, 3])
    found = counted(["b", "c"], [4, 5])
    found.merge(counted(["a", "b"], [3, 3]))
    for table in ("value.0", "bucket", "value.0.bucket"):
        assert rows_of(found, table) == rows_of(whole, table)


def test_merging_finds_the_width_and_the_values_that_the_whole_has():
    narrow = replace(SMALL, max_values=2, max_buckets=2)
    found = counted(["c", "d"], [0, 1], narrow)
    found.merge(counted(["a", "b"], [4, 7], narrow))
    assert found.time.width_us == 4 * MINUTE
    assert rows_of(found, "value.0") == {("(other)", None): 2, ("a", None): 1, ("b", None): 1}
    assert rows_of(found, "bucket") == {(0, None): 2, (4, None): 2}
    assert found.axes[0].overflowed


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({}, {"value.0", "bucket", "value.0.bucket"}),
        ({"time": None}, {"value.0"}),
        ({"segments": ()}, {"bucket"}),
        ({"time": None, "group": "g"}, {"value.0", "cluster", "value.0.cluster"}),
        ({"segments": (), "group": "g"}, {"bucket", "cluster", "bucket.cluster"}),
    ],
)
def test_only_what_the_diff_asks_for_has_a_table(changed, names):
    assert set(SliceTables(replace(SMALL, **changed), 2).tables) == names
