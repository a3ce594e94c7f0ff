from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pyarrow as pa
import pytest

from replay.diff.first_pass import FirstPass
from replay.diff.job import diff_scores, rank_effects
from replay.diff.measure import measure
from replay.diff.ranking.rank_state import GROUP, RankState
from replay.spark.tasks.arrow_mapping import ScannedBatches
from tests.diff import oracle
from tests.diff.oracle import plain
from tests.diff.table import SPEC, scores_table
from tests.metrics.state_tester import same


def scattered():
    """The rows of a group far apart, some without a group; names that need quoting."""
    table = scores_table()
    order = np.random.default_rng(0).permutation(table.num_rows)
    group = pa.array([f"r{row // 9}" for row in range(table.num_rows)], mask=np.arange(table.num_rows) % 50 == 7)
    place = table.schema.get_field_index("request_id")
    return table.set_column(place, "request.id", group).take(order)


def expected(table, spec):
    """One state over the rows sorted by group."""
    group = table.column("request.id").to_pylist()
    kept = [row for row in range(table.num_rows) if group[row] is not None and not table["rejected"][row].is_valid]
    codes = {value: code for code, value in enumerate(dict.fromkeys(group))}
    code = np.array([codes[group[row]] for row in kept])
    rows = np.array(kept)[np.argsort(code, kind="stable")]
    ordered = table.take(rows).append_column(GROUP, pa.array(np.sort(code), pa.int64()))
    return RankState(spec).update(ordered.combine_chunks().to_batches()[0]).compute()


def flat(change):
    return {metric: (one.value, one.low, one.high, one.groups, one.rows) for metric, one in change.metrics().items()}


@pytest.mark.spark
def test_groups_are_brought_together_from_all_partitions(spark):
    table, spec = scattered(), replace(SPEC, group="request.id")
    scores = ScannedBatches(spark.createDataFrame(table).repartition(5))
    found, whole = rank_effects(scores, spec), expected(table, spec)
    assert {name: change.groups for name, change in found.items()} == {
        name: change.groups for name, change in whole.items()
    }
    assert same({n: flat(c) for n, c in found.items()}, {n: flat(c) for n, c in whole.items()}, 1e-9)

    diff = diff_scores(scores, spec, ("item_id",), 3)
    ranks = diff.result.variants["candidate"].vs_baseline["rank"]
    assert same(flat(ranks), flat(whole["candidate"]), 1e-9)
    assert same(flat(diff.result.variants["prod"].vs_online["rank"]), flat(whole["prod"]), 1e-9)
    rows = {(row.variant, row.metric): row for row in diff.result.metric_rows if row.against == "baseline"}
    assert rows["candidate", "ndcg_10_change"].value == ranks.ndcg_change["10"].value
    assert rows["candidate", "top_5_overlap"].low == ranks.top_k["5"].low
    no_group = sum(not group.is_valid and not rejected.is_valid
                   for group, rejected in zip(table["request.id"], table["rejected"], strict=True))  # fmt: skip
    assert diff.result.no_group == no_group > 0
    assert any(note.startswith(f"{no_group} rows have no 'request.id'") for note in diff.result.notes)


@pytest.mark.spark
def test_integer_groups_and_a_diff_of_the_baseline_alone(spark):
    table = scores_table()
    alone = replace(SPEC, variants=SPEC.variants[:1])
    scores = ScannedBatches(spark.createDataFrame(table).repartition(3))
    assert "rank" not in diff_scores(scores, alone, ("item_id",), 3).result.variants["prod"].vs_online
    assert rank_effects(scores, alone)["prod"].groups > 100
    with pytest.raises(ValueError, match="no group in the spec"):
        rank_effects(scores, replace(SPEC, group=None))


KEY = ("item_id", "event_time", "request_id")
"""Tells every row from every other, so that rows that are as bad as each other have an order."""


class HeldBatches:
    """A table in memory, whose tasks are this process; remembers the columns of each pass."""

    def __init__(self, table):
        self.table = table
        self.passes = []

    def fold(self, columns, update, merge):
        self.passes.append(tuple(columns))
        selected = self.table.select(list(columns)).combine_chunks()
        return iter([update(selected.slice(0, 400).to_batches()), update(selected.slice(400).to_batches())])


def first_pass(table, spec):
    halves = [FirstPass.empty(spec, ("item_id",), 3) for _ in range(2)]
    for half, part in zip(halves, (table.slice(0, 400), table.slice(400)), strict=True):
        for batch in part.combine_chunks().to_batches():
            half.update(batch)
    return halves[0].merge(halves[1])


def told(diff):
    return {"result": plain(diff.result), "worst": {name: list(map(asdict, rows)) for name, rows in diff.worst.items()}}


NO_GROUP = replace(SPEC, group=None)


def test_a_diff_without_groups_brings_nothing_together():
    held = HeldBatches(scores_table())
    diff = diff_scores(held, NO_GROUP, ("item_id",), 3)
    assert held.passes == [(*NO_GROUP.columns, "item_id"), NO_GROUP.columns]
    second = oracle.second_pass(first_pass(held.table, NO_GROUP).sums, held.table)
    found = first_pass(held.table, NO_GROUP)
    expected = {"result": plain(measure(found.sums, second)),
                "worst": {name: list(map(asdict, rows)) for name, rows in found.worst.compute().items()}}  # fmt: skip
    assert same(told(diff), expected, 1e-9)


def test_a_first_pass_that_was_made_with_the_scores_is_not_made_again():
    table = scores_table()
    whole, rest = HeldBatches(table), HeldBatches(table)
    expected = diff_scores(whole, NO_GROUP, ("item_id",), 3)
    found = diff_scores(rest, NO_GROUP, ("item_id",), 3, first_pass(table, NO_GROUP))
    assert rest.passes == whole.passes[1:] == [NO_GROUP.columns]
    assert same(told(found), told(expected), 0)


def test_where_nothing_needs_a_second_pass_there_is_none():
    table, bare = scores_table(), oracle.SPECS["bare"]
    held = HeldBatches(table)
    found = diff_scores(held, bare, ("item_id",), 3, first_pass(table, bare))
    assert held.passes == []
    assert same(plain(found.result), plain(measure(first_pass(table, bare).sums)), 0)


@pytest.mark.spark
def test_a_table_that_spark_scans_has_the_same_diff(spark):
    table = scores_table()
    scanned = ScannedBatches(spark.createDataFrame(table).repartition(3))
    diff = diff_scores(scanned, NO_GROUP, KEY, 3)
    assert same(told(diff), told(diff_scores(HeldBatches(table), NO_GROUP, KEY, 3)), 1e-9)
