"""Splits, each in a task of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark import TaskContext
from pyspark.sql import SparkSession

from replay.traffic.read import tasks
from replay.traffic.read.direct import ReadPlan, Split
from replay.traffic.read.splits import make_splits
from replay.traffic.read.tasks import ask_splits, fold_splits, map_splits
from tests.traffic.tables import data_file, write

pytestmark = pytest.mark.spark

PLAN = ReadPlan(pa.schema([("id", pa.int64())]), None)


@pytest.fixture
def splits(tmp_path: Path) -> tuple[Split, ...]:
    """Three splits, of ten rows each."""
    files = [
        data_file(write(tmp_path / f"{part}.parquet", pa.table({"id": list(range(part * 10, part * 10 + 10))})))
        for part in range(3)
    ]
    found = make_splits(files, None, target_rows=10)
    assert [split.num_rows for split in found] == [10, 10, 10]
    return found


def test_a_task_gets_one_split_and_what_is_given(spark: SparkSession, splits: tuple[Split, ...]) -> None:
    def tell(split: Split, given: dict[str, int]) -> tuple[int, int]:
        context = TaskContext.get()
        assert context is not None
        return context.partitionId(), split.num_rows + given["more"]

    assert list(ask_splits(spark, splits, {"more": 5}, tell)) == [(0, 15), (1, 15), (2, 15)]


def test_rows_are_mapped_in_batches_of_a_split(spark: SparkSession, splits: tuple[Split, ...]) -> None:
    def sums(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        columns = [batch.column(0).to_pylist() for batch in batches]
        yield pa.record_batch({"sum": [sum(map(sum, columns))], "most": [max(map(len, columns))]})

    rows = map_splits(spark, PLAN, splits, sums, "sum long, most long", batch_rows=4).collect()
    assert sorted(row["sum"] for row in rows) == [45, 145, 245]
    assert {row["most"] for row in rows} <= {3, 4}


def test_no_splits_are_no_rows(spark: SparkSession) -> None:
    assert map_splits(spark, PLAN, (), lambda batches: batches, "id long").collect() == []


def packed_sum(batches: Iterable[pa.RecordBatch]) -> bytes:
    return str(sum(sum(batch.column("id").to_pylist()) for batch in batches)).encode()


@pytest.mark.parametrize("at_once", [1, 2, 256])
def test_a_state_for_each_split_in_order_however_many_the_driver_holds(
    spark: SparkSession, splits: tuple[Split, ...], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(tasks, "_AT_ONCE", at_once)
    asked: list[range] = []
    run_tasks = tasks.run_tasks
    monkeypatch.setattr(
        tasks, "run_tasks", lambda spark, places, work: asked.append(places) or run_tasks(spark, places, work)
    )
    again = (splits[2], splits[0], splits[1])
    assert list(fold_splits(spark, PLAN, again, packed_sum)) == [b"245", b"45", b"145"]
    assert [place for places in asked for place in places] == [0, 1, 2]
    assert len(asked) == -(-3 // at_once)


def test_no_splits_are_no_states(spark: SparkSession) -> None:
    assert list(fold_splits(spark, PLAN, (), packed_sum)) == []
