"""Delta tables, pinned by their version."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import TrafficError
from replay.traffic import open_traffic
from tests.traffic.tables import read_direct, read_scan, traffic_config, write

pytestmark = pytest.mark.spark


def save_delta(spark: SparkSession, path: Path, first: int = 0, rows: int = 10, **options: str) -> None:
    frame = spark.range(first, first + rows, numPartitions=1).selectExpr("id", "id * 0.5D AS score")
    frame.write.format("delta").mode("append").options(**options).save(str(path))


def test_the_latest_version_is_pinned(spark: SparkSession, tmp_path: Path) -> None:
    save_delta(spark, tmp_path / "t")
    save_delta(spark, tmp_path / "t", first=10)
    traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
    save_delta(spark, tmp_path / "t", first=20)
    assert (traffic.format, traffic.delta_version, traffic.num_rows) == ("delta", 1, 20)
    assert sorted(read_direct(spark, traffic)["id"].to_pylist()) == list(range(20))
    assert sorted(read_scan(spark, traffic)["id"].to_pylist()) == list(range(20))


def test_an_older_version(spark: SparkSession, tmp_path: Path) -> None:
    save_delta(spark, tmp_path / "t")
    save_delta(spark, tmp_path / "t", first=10)
    traffic = open_traffic(spark, traffic_config(tmp_path / "t", delta_version=0))
    assert traffic.delta_version == 0
    assert read_direct(spark, traffic)["id"].to_pylist() == list(range(10))
    latest = open_traffic(spark, traffic_config(tmp_path / "t"))
    assert latest.fingerprint() != traffic.fingerprint()
    with pytest.raises(TrafficError, match="has no version 7: the latest is 1"):
        open_traffic(spark, traffic_config(tmp_path / "t", delta_version=7))


def test_the_version_of_a_time(spark: SparkSession, tmp_path: Path) -> None:
    save_delta(spark, tmp_path / "t")
    time.sleep(0.01)
    between = datetime.now(UTC)
    time.sleep(0.01)
    save_delta(spark, tmp_path / "t", first=10)
    config = traffic_config(tmp_path / "t", delta_timestamp=between)
    assert open_traffic(spark, config).delta_version == 0
    later = traffic_config(tmp_path / "t", delta_timestamp="2999-01-01")
    assert open_traffic(spark, later).delta_version == 1
    with pytest.raises(TrafficError, match="had no version at 2000-01-01"):
        open_traffic(spark, traffic_config(tmp_path / "t", delta_timestamp="2000-01-01"))


def test_a_commit_of_another_session_is_seen(spark: SparkSession, tmp_path: Path) -> None:
    save_delta(spark, tmp_path / "t")
    open_traffic(spark, traffic_config(tmp_path / "t"))
    log = tmp_path / "t" / "_delta_log"
    commit = (log / f"{0:020}.json").read_text().splitlines()
    info = next(line for line in commit if "commitInfo" in line)
    (log / f"{1:020}.json").write_text(info + "\n")
    assert open_traffic(spark, traffic_config(tmp_path / "t")).delta_version == 1


def test_partitions(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.range(9).selectExpr(
        "id",
        "0.5D AS score",
        "IF(id % 3 = 0, NULL, concat('a b/%', id % 3)) AS p",
        "CAST(id % 2 AS int) AS n",
        "timestamp_seconds(id % 2) AS at",
    )
    frame.write.format("delta").partitionBy("p", "n", "at").save(str(tmp_path / "t é"))
    traffic = open_traffic(spark, traffic_config(tmp_path / "t é"))
    read = read_direct(spark, traffic).sort_by("id").to_pylist()
    assert [row["p"] for row in read] == [None if row % 3 == 0 else f"a b/%{row % 3}" for row in range(9)]
    assert [row["at"] for row in read] == [datetime.fromtimestamp(row % 2, UTC) for row in range(9)]
    assert read_scan(spark, traffic).sort_by("id").to_pylist() == read


def test_deletion_vectors_need_a_scan(spark: SparkSession, tmp_path: Path) -> None:
    save_delta(spark, tmp_path / "t", **{"delta.enableDeletionVectors": "true"})
    assert open_traffic(spark, traffic_config(tmp_path / "t")).direct_problem is None
    spark.sql(f"DELETE FROM delta.`{tmp_path}/t` WHERE id IN (3, 5)")
    traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
    assert traffic.direct_problem == "rows of the Delta table are deleted by deletion vectors"
    assert traffic.num_rows == 8
    assert read_scan(spark, traffic)["id"].to_pylist() == [0, 1, 2, 4, 6, 7, 8, 9]


def test_column_mapping_needs_a_scan(spark: SparkSession, tmp_path: Path) -> None:
    save_delta(spark, tmp_path / "t", **{"delta.columnMapping.mode": "name"})
    spark.sql(f"ALTER TABLE delta.`{tmp_path}/t` RENAME COLUMN score TO online_score")
    traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
    assert "maps column names" in str(traffic.direct_problem)
    assert traffic.schema.names == ["id", "online_score"]
    assert read_scan(spark, traffic)["online_score"].to_pylist() == [row * 0.5 for row in range(10)]


def test_a_shallow_clone_reads_the_files_of_the_other_table(spark: SparkSession, tmp_path: Path) -> None:
    save_delta(spark, tmp_path / "from here")
    spark.sql(f"CREATE TABLE delta.`{tmp_path}/clone` SHALLOW CLONE delta.`{tmp_path}/from here`")
    traffic = open_traffic(spark, traffic_config(tmp_path / "clone"))
    assert read_direct(spark, traffic)["id"].to_pylist() == list(range(10))


def test_columns_that_came_later_are_null_before(spark: SparkSession, tmp_path: Path) -> None:
    save_delta(spark, tmp_path / "t")
    later = spark.range(10, 11).selectExpr("id", "1.0D AS score", "'x' AS country")
    later.write.format("delta").mode("append").option("mergeSchema", "true").save(str(tmp_path / "t"))
    traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
    assert read_direct(spark, traffic).sort_by("id")["country"].to_pylist() == [None] * 10 + ["x"]


def test_files_that_are_gone_or_cut_are_named(spark: SparkSession, tmp_path: Path) -> None:
    save_delta(spark, tmp_path / "t")
    data = next((tmp_path / "t").glob("*.parquet"))
    content = data.read_bytes()
    data.write_bytes(content[:-30])
    with pytest.raises(TrafficError, match=rf"{data.name}: has .* bytes, but the Delta log says {len(content)}"):
        open_traffic(spark, traffic_config(tmp_path / "t"))
    data.unlink()
    with pytest.raises(TrafficError, match=rf"{data.name}: is part of the Delta table but cannot be read"):
        open_traffic(spark, traffic_config(tmp_path / "t"))


def test_rows_are_counted_where_the_log_has_no_statistics(spark: SparkSession, tmp_path: Path) -> None:
    spark.conf.set("spark.databricks.delta.stats.collect", "false")
    try:
        save_delta(spark, tmp_path / "t")
    finally:
        spark.conf.unset("spark.databricks.delta.stats.collect")
    assert "numRecords" not in (tmp_path / "t" / "_delta_log" / f"{0:020}.json").read_text()
    assert open_traffic(spark, traffic_config(tmp_path / "t")).num_rows == 10


def test_a_column_wider_in_a_file_than_in_the_table_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    save_delta(spark, tmp_path / "t")
    data = next((tmp_path / "t").glob("*.parquet"))
    write(data, pa.table({"id": ["x"], "score": [0.5]}))
    log = tmp_path / "t" / "_delta_log" / f"{0:020}.json"
    log.write_text(re.sub(r'"size":\d+', f'"size":{data.stat().st_size}', log.read_text()))
    for sums in log.parent.glob("*.crc"):
        sums.unlink()
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
    with pytest.raises(TrafficError, match=rf"{data.name}: column `id` is string, but the table's is int64"):
        read_direct(spark, traffic)


def test_an_empty_log(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "t" / "_delta_log").mkdir(parents=True)
    with pytest.raises(TrafficError, match="_delta_log with no commits"):
        open_traffic(spark, traffic_config(tmp_path / "t"))


def test_what_the_manifest_says(spark: SparkSession, tmp_path: Path) -> None:
    save_delta(spark, tmp_path / "t")
    config = traffic_config(tmp_path / "t", time={"column": "id", "unit": "s"}, window={"start": "2026-11-20"})
    told = open_traffic(spark, config).describe()
    assert told["delta_version"] == 0
    assert told["path"] == str(tmp_path / "t")
    assert told["window"] == {"start": "2026-11-20T00:00:00Z", "end": None}
