"""Tables and views of the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from replay.errors import ConfigError, TrafficError
from replay.traffic import open_traffic
from tests.traffic.tables import read_direct, read_scan, traffic_config

pytestmark = pytest.mark.spark


def test_tables_and_views(spark: SparkSession, tmp_path: Path) -> None:
    spark.sql(f"CREATE DATABASE traffic_tests LOCATION '{tmp_path}'")
    try:
        check_tables(spark)
    finally:
        spark.sql("DROP DATABASE traffic_tests CASCADE")


def check_tables(spark: SparkSession) -> None:
    make = "CREATE TABLE traffic_tests.{} USING {} AS SELECT id, id * 0.5D AS score, id % 2 AS p FROM range(10)"
    spark.sql(make.format("d", "delta"))
    spark.sql(make.format("flat", "parquet"))
    spark.sql(make.format("parts", "parquet PARTITIONED BY (p)"))
    spark.sql("CREATE VIEW traffic_tests.v AS SELECT id, score FROM traffic_tests.d WHERE id < 5")
    delta = open_traffic(spark, traffic_config(table="spark_catalog.traffic_tests.d", delta_version=0))
    assert (delta.format, delta.delta_version, delta.direct_problem) == ("delta", 0, None)
    flat = open_traffic(spark, traffic_config(table="traffic_tests.flat"))
    assert (flat.format, flat.num_rows, flat.direct_problem) == ("parquet", 10, None)
    for table in (delta, flat):
        assert sorted(read_direct(spark, table)["id"].to_pylist()) == list(range(10))
    parts = open_traffic(spark, traffic_config(table="traffic_tests.parts"))
    view = open_traffic(spark, traffic_config(table="traffic_tests.v"))
    for table, rows in ((parts, 10), (view, 5)):
        assert "only the catalog knows" in str(table.direct_problem)
        assert sorted(read_scan(spark, table)["id"].to_pylist()) == list(range(rows))
    spark.sql("INSERT INTO traffic_tests.d SELECT id, 0D, 0 FROM range(3, 4)")
    assert open_traffic(spark, view.config).fingerprint() != view.fingerprint()
    with pytest.raises(ConfigError, match="is not a Delta table"):
        open_traffic(spark, traffic_config(table="traffic_tests.v", delta_version=0))


def test_a_temporary_view(spark: SparkSession) -> None:
    spark.range(3).selectExpr("id", "0.5D AS score").createOrReplaceTempView("traffic_view")
    assert read_scan(spark, open_traffic(spark, traffic_config(table="traffic_view")))["id"].to_pylist() == [
        0,
        1,
        2,
    ]


def test_a_table_that_is_not_there(spark: SparkSession) -> None:
    with pytest.raises(TrafficError, match=r"the catalog has no table `traffic_tests.none`"):
        open_traffic(spark, traffic_config(table="traffic_tests.none"))
