"""Tables that tasks read themselves, against the same tables as Spark reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession

from replay.config import TrafficConfig
from replay.spark.tasks.arrow_mapping import ScannedBatches
from replay.traffic import FileBatches, TableBatches, open_traffic
from replay.traffic.read import batches as module
from tests.traffic.tables import data_file, write

pytestmark = pytest.mark.spark

COLUMNS = ("prod/x@0.1", "a.b", "t")


def look(batches: Iterable[pa.RecordBatch]) -> bytes:
    """What a task gets: names, rows, sums, nulls and times."""
    table = pa.Table.from_batches(batches)
    numbers = table.column("prod/x@0.1")
    times = table.column("t").cast(pa.timestamp("us", "UTC"))
    found = {
        "names": table.schema.names,
        "rows": table.num_rows,
        "sum": sum(value for value in numbers.to_pylist() if value is not None),
        "nulls": numbers.null_count,
        "first": min(times.to_pylist()).isoformat(),
    }
    return json.dumps(found).encode()


def merge(states: Iterable[bytes]) -> bytes:
    return json.dumps(told(states)).encode()


def told(states: Iterable[bytes]) -> dict[str, Any]:
    found = [json.loads(state) for state in states]
    assert all(one["names"] == found[0]["names"] for one in found)
    added = {name: sum(one[name] for one in found) for name in ("rows", "sum", "nulls")}
    return {"names": found[0]["names"], "first": min(one["first"] for one in found), **added}


@pytest.fixture
def table(spark: SparkSession, tmp_path: Path) -> str:
    """A Delta table of 3 files, 300 rows of which 100 have no number; names that are no paths."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    data = pa.table(
        {
            "a.b": [f"s{row % 7}" for row in range(300)],
            "prod/x@0.1": pa.array([None if row % 3 == 0 else float(row) for row in range(300)], pa.float32()),
            "t": pa.array([start + timedelta(seconds=row) for row in range(300)], pa.timestamp("us", "UTC")),
        }
    )
    path = str(tmp_path / "scores")
    spark.createDataFrame(data).repartition(3).write.format("delta").save(path)
    return path


def spark_does_not_read(*_: Any) -> None:
    raise AssertionError("Spark was asked to read the table")


def test_tasks_read_what_spark_reads(spark: SparkSession, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned = told(ScannedBatches(spark.read.format("delta").load(table)).fold(COLUMNS, look, merge))
    pinned = open_traffic(spark, TrafficConfig(path=table, key=("a.b",), score="prod/x@0.1"))
    monkeypatch.setattr(ScannedBatches, "fold", spark_does_not_read)
    states = list(TableBatches(spark, pinned).fold(COLUMNS, look, merge))
    by_hand = float(sum(row for row in range(300) if row % 3))
    assert told(states) == {
        "names": list(COLUMNS), "first": "2026-01-01T00:00:00+00:00", "rows": 300, "sum": by_hand, "nulls": 100
    }  # fmt: skip
    assert told(states) == scanned
    assert list(TableBatches(spark, pinned).fold(COLUMNS, look, merge)) == states


def test_what_only_spark_can_read_it_does(spark: SparkSession, table: str) -> None:
    some = TrafficConfig(path=table, key=("a.b",), score="prod/x@0.1", where="`a.b` = 's3'")
    pinned = open_traffic(spark, some)
    read = told(TableBatches(spark, pinned).fold(COLUMNS, look, merge))
    by_hand = [row for row in range(300) if row % 7 == 3]
    assert read["rows"] == len(by_hand)
    assert read["sum"] == float(sum(row for row in by_hand if row % 3))
    assert read["nulls"] == sum(row % 3 == 0 for row in by_hand)


def test_files_are_read_in_the_order_given_and_only_the_columns_asked(spark: SparkSession, tmp_path: Path) -> None:
    schema = pa.schema([("a", pa.int64()), ("b.c", pa.string()), ("d", pa.float32())])
    parts = [[4, 5], [1], [2, 3, 7]]
    files = [
        data_file(
            write(
                tmp_path / f"{place}.parquet",
                pa.table([part, [f"t{value}" for value in part], [0.5] * len(part)], schema=schema),
            )
        )
        for place, part in enumerate(parts)
    ]

    def rows(batches: Iterable[pa.RecordBatch]) -> bytes:
        return json.dumps([batch.to_pydict() for batch in batches]).encode()

    found = [
        json.loads(state)
        for state in FileBatches(spark, files[::-1], schema, "scratch").fold(("b.c", "a"), rows, merge)
    ]
    read = [(list(batch), batch["b.c"], batch["a"]) for state in found for batch in state]
    names = ["b.c", "a"]
    assert [name for name, _, _ in read] == [names] * len(read)
    assert [value for _, _, values in read for value in values] == [2, 3, 7, 1, 4, 5]
    assert [text for _, texts, _ in read for text in texts] == ["t2", "t3", "t7", "t1", "t4", "t5"]


def test_no_files_are_no_states(spark: SparkSession) -> None:
    schema = pa.schema([("a", pa.int64())])
    assert list(FileBatches(spark, [], schema, "scratch").fold(("a",), look, merge)) == []


def test_rows_are_gathered_by_this_process_in_the_order_of_the_files(
    spark: SparkSession, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])
    parts = [[4, 5], [1], [], [2, 3, 7]]
    files = [
        data_file(write(tmp_path / f"{place}.parquet", pa.table({"a": part, "b": ["x"] * len(part)}, schema=schema)))
        for place, part in enumerate(parts)
    ]
    monkeypatch.setattr(module, "fold_splits", spark_does_not_read)

    def odd(found: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        return (batch.filter(pc.equal(pc.bit_wise_and(batch["a"], 1), 1)) for batch in found)

    gathered = FileBatches(spark, files, schema, "scratch").gather(("a",), odd)
    assert [value for batch in gathered for value in batch["a"].to_pylist()] == [5, 1, 3, 7]
    assert gathered[0].schema.names == ["a"]


def test_what_spark_scans_is_gathered_too(spark: SparkSession, table: str) -> None:
    some = TrafficConfig(path=table, key=("a.b",), score="prod/x@0.1", where="`a.b` = 's3'")
    found = TableBatches(spark, open_traffic(spark, some)).gather(COLUMNS, lambda batches: batches)
    assert {text for batch in found for text in batch["a.b"].to_pylist()} == {"s3"}
    assert sum(batch.num_rows for batch in found) == len(range(3, 300, 7))
