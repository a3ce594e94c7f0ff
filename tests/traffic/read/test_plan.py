"""Which reader a plan takes, and what it says of the columns."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import ConfigError
from replay.traffic import open_traffic, plan_splits
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "t.parquet", pa.table({"id": list(range(40)), "b.c": ["x"] * 40, "d": [0.5] * 40}))
    return tmp_path


def test_tasks_read_where_they_can(spark: SparkSession, path: Path) -> None:
    plan = plan_splits(spark, open_traffic(spark, traffic_config(path)), ["b.c", "id"])
    assert (plan.reader, plan.reason, plan.num_rows) == ("direct", None, 40)
    assert plan.columns == ("b.c", "id")
    assert sum(split.num_rows for split in plan.splits) == 40


def test_spark_reads_where_it_has_to_or_is_asked_to(spark: SparkSession, path: Path) -> None:
    traffic = open_traffic(spark, traffic_config(path, where="ln(id + 1) >= 0"))
    plan = plan_splits(spark, traffic, ["id"])
    assert (plan.reader, plan.splits) == ("spark", ())
    assert plan.reason is not None
    assert plan.reason.startswith("`traffic.where`")
    asked = plan_splits(spark, open_traffic(spark, traffic_config(path)), ["id"], reader="spark")
    assert (asked.reader, asked.reason) == ("spark", "`engine.reader` is `spark`")


def test_a_direct_reader_that_cannot_be_is_refused(spark: SparkSession, path: Path) -> None:
    traffic = open_traffic(spark, traffic_config(path))
    with pytest.raises(ConfigError, match="the direct reader cannot read this traffic: older values"):
        plan_splits(spark, traffic, ["id"], reader="direct", side="older values")
