"""Arrow batches in tasks, under names of any signs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.spark.arrow_mapping import ScannedBatches

pytestmark = pytest.mark.spark


def names_and_sums(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield pa.record_batch({"names": [" ".join(batch.schema.names)], "sum": [sum(batch.column(0).to_pylist())]})


def test_columns_come_in_the_order_asked_under_their_own_names(spark: SparkSession) -> None:
    table = spark.range(0, 10, 1, 3).selectExpr("id AS `a.b`", "id * 2 AS `x``y`", "id * 3 AS other")
    mapped, tasks = ScannedBatches(table).map(["x`y", "a.b"], names_and_sums, "names string, sum long")
    rows = mapped.collect()
    assert tasks == 3
    assert {row["names"] for row in rows} == {"x`y a.b"}
    assert sum(row["sum"] for row in rows) == 90
