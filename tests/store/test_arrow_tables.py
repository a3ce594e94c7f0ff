"""A run's tables read without Spark: what Spark reads, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from replay.store import append_wave
from replay.store.arrow_tables import read_arrow_table


def test_what_is_elsewhere_or_nowhere_is_left_to_spark(tmp_path: Path):
    assert read_arrow_table("dbfs:/bucket/out/scores") is None
    assert read_arrow_table(str(tmp_path)) is None


@pytest.mark.spark
def test_rows_and_types_are_those_that_were_written(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "scores")
    rows = spark.sql(
        "select id, timestamp'2026-11-20T18:00:00Z' as at, cast(id as float) as prod, "
        "if(id % 2 = 0, cast(id as float), null) as `prod/no.counts` from range(6)"
    )
    append_wave(rows.where("id < 4"), path, "run", 0, indexed=1)
    append_wave(rows.where("id >= 4"), path, "run", 1, indexed=1)
    for given in (path, f"file://{path}"):
        found = read_arrow_table(given)
        assert found is not None
        assert found.schema.names == ["id", "at", "prod", "prod/no.counts"]
        assert sorted(found["id"].to_pylist()) == list(range(6))
        assert set(found["at"].to_pylist()) == {datetime(2026, 11, 20, 18, tzinfo=UTC)}
        assert found["prod/no.counts"].null_count == 3
