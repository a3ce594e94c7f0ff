"""Arrow batches in tasks, under names of any signs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark import TaskContext
from pyspark.sql import SparkSession

from replay.spark.tasks.arrow_mapping import ScannedBatches, fold_batches, pack_batches, unpack_batches

pytestmark = pytest.mark.spark


def names_and_sum(batches: Iterable[pa.RecordBatch]) -> bytes:
    """What a task got: names, the first column's sum, the tasks whose rows these are."""
    context = TaskContext.get()
    assert context is not None
    names, total = [], 0
    for batch in batches:
        names += batch.schema.names
        total += sum(batch.column(0).to_pylist())
    return json.dumps({"names": sorted(set(names)), "sum": total, "of": [context.partitionId()]}).encode()


def merged(states: Iterable[bytes]) -> bytes:
    found = [json.loads(state) for state in states]
    return json.dumps(
        {
            "names": sorted({name for one in found for name in one["names"]}),
            "sum": sum(one["sum"] for one in found),
            "of": [task for one in found for task in one["of"]],
        }
    ).encode()


def told(states: Iterable[bytes]) -> list[dict[str, Any]]:
    return [json.loads(state) for state in states]


def test_columns_come_under_their_own_names_whatever_these_are(spark: SparkSession) -> None:
    table = spark.range(0, 10, 1, 3).selectExpr("id AS `a.b`", "id * 2 AS `x``y`", "id * 3 AS other")
    states = told(ScannedBatches(table).fold(["x`y", "a.b"], names_and_sum, merged))
    assert [state["of"] for state in states] == [[0], [1], [2]]
    assert all(state["names"] == ["a.b", "x`y"] for state in states)
    assert sum(state["sum"] for state in states) == 2 * sum(range(10))


def test_columns_come_in_the_order_asked(spark: SparkSession) -> None:
    table = spark.range(0, 4, 1, 1).selectExpr("id AS `a.b`", "id * 2 AS `x``y`")
    (state,) = ScannedBatches(table).fold(["x`y", "a.b"], batch_names, merged)
    assert state == b"x`y a.b"


def batch_names(batches: Iterable[pa.RecordBatch]) -> bytes:
    return " ".join(next(iter(batches)).schema.names).encode()


@pytest.mark.parametrize(("partitions", "states"), [(64, 64), (65, 8)])
def test_many_states_are_merged_on_executors(spark: SparkSession, partitions: int, states: int) -> None:
    """Of 65 partitions the driver gets the whole part of the root: 8."""
    rows = 1000
    found = told(ScannedBatches(spark.range(0, rows, 1, partitions)).fold(["id"], names_and_sum, merged))
    assert len(found) == states
    assert sum(state["sum"] for state in found) == rows * (rows - 1) // 2
    assert sorted(task for state in found for task in state["of"]) == list(range(partitions))


def test_a_partition_without_rows_has_a_state_too(spark: SparkSession) -> None:
    sums = [json.loads(bytes(row[0]))["sum"] for row in fold_batches(spark.range(0, 1, 1, 3), names_and_sum).collect()]
    assert sums == [0, 0, 0]


@pytest.mark.parametrize("partitions", [3, 65])
def test_rows_are_gathered(spark: SparkSession, partitions: int) -> None:
    def odd(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        return (batch.filter(pc.equal(pc.bit_wise_and(batch["id"], 1), 1)) for batch in batches)

    found = ScannedBatches(spark.range(0, 100, 1, partitions)).gather(["id"], odd)
    assert sorted(value for batch in found for value in batch["id"].to_pylist()) == list(range(1, 100, 2))


def test_batches_travel_as_bytes() -> None:
    schema = pa.schema([("a", pa.int64()), ("b", pa.list_(pa.string()))])
    batches = [
        pa.record_batch({"a": [1], "b": [["x"]]}, schema=schema),
        pa.record_batch({"a": [2, None], "b": [[], None]}, schema=schema),
    ]
    assert unpack_batches(pack_batches(batches)) == batches
    assert unpack_batches(pack_batches([])) == []
