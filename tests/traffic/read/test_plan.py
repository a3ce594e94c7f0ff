"""Tables that tasks read themselves, against the same tables as Spark reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from replay.config import TrafficConfig
from replay.spark.arrow_mapping import ScannedBatches
from replay.traffic import TableBatches, open_traffic

pytestmark = pytest.mark.spark

SCHEMA = "names string, rows long, sum double, nulls long, first timestamp"
COLUMNS = ("prod/x@0.1", "a.b", "t")


def look(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What a task gets: names, rows, sums, nulls and times."""
    for batch in batches:
        numbers = batch.column("prod/x@0.1")
        values = [value for value in numbers.to_pylist() if value is not None]
        times = batch.column("t").cast(pa.timestamp("us", "UTC"))
        columns = [
            [",".join(batch.schema.names)], [batch.num_rows], [float(sum(values))], [numbers.null_count],
            [min(times.to_pylist())],
        ]  # fmt: skip
        yield pa.RecordBatch.from_pydict(dict(zip(["names", "rows", "sum", "nulls", "first"], columns, strict=True)))


def told(dataframe: DataFrame) -> tuple[set[str], int, float, int, datetime]:
    rows = dataframe.collect()
    return (
        {row["names"] for row in rows},
        sum(row["rows"] for row in rows),
        sum(row["sum"] for row in rows),
        sum(row["nulls"] for row in rows),
        min(row["first"] for row in rows),
    )


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


def test_tasks_read_what_spark_reads(spark: SparkSession, table: str) -> None:
    pinned = open_traffic(spark, TrafficConfig(path=table, key=("a.b",), score="prod/x@0.1"))
    read, tasks = TableBatches(spark, pinned).map(COLUMNS, look, SCHEMA)
    scanned, _ = ScannedBatches(spark.read.format("delta").load(table)).map(COLUMNS, look, SCHEMA)
    by_hand = float(sum(row for row in range(300) if row % 3))
    assert told(read)[:4] == ({",".join(COLUMNS)}, 300, by_hand, 100)
    assert told(read) == told(scanned)
    assert tasks >= 1
    assert "Scan parquet" not in read._jdf.queryExecution().executedPlan().toString()


def test_what_only_spark_can_read_it_does(spark: SparkSession, table: str) -> None:
    some = TrafficConfig(path=table, key=("a.b",), score="prod/x@0.1", where="`a.b` = 's3'")
    read, _ = TableBatches(spark, open_traffic(spark, some)).map(COLUMNS, look, SCHEMA)
    by_hand = [row for row in range(300) if row % 7 == 3]
    assert told(read)[1:4] == (len(by_hand), float(sum(row for row in by_hand if row % 3)),
                               sum(row % 3 == 0 for row in by_hand))  # fmt: skip
