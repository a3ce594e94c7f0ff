"""Finding the table and pinning it."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import ConfigError, TrafficError
from replay.traffic import open_traffic
from tests.traffic.tables import read_direct, read_scan, traffic_config, write

pytestmark = pytest.mark.spark

ROWS = pa.table({"id": [1, 2, 3], "score": [0.1, 0.2, 0.3]})


def save_delta(spark: SparkSession, path: Path, first: int = 0, rows: int = 10, **options: str) -> None:
    frame = spark.range(first, first + rows, numPartitions=1).selectExpr("id", "id * 0.5D AS score")
    frame.write.format("delta").mode("append").options(**options).save(str(path))


class TestParquet:
    def test_a_directory_with_signs_in_its_name(self, spark: SparkSession, tmp_path: Path) -> None:
        root = tmp_path / "a b%20[x]{y}*é"
        write(root / "part 1.parquet", ROWS)
        traffic = open_traffic(spark, traffic_config(root))
        assert (traffic.format, traffic.num_rows, traffic.direct_problem) == ("parquet", 3, None)
        assert read_direct(spark, traffic) == ROWS
        assert read_scan(spark, traffic) == ROWS

    @pytest.mark.parametrize("url", ["file://{}", "file:{}"])
    def test_a_file_url(self, spark: SparkSession, tmp_path: Path, url: str) -> None:
        write(tmp_path / "x y" / "t.parquet", ROWS)
        traffic = open_traffic(spark, traffic_config(url.format(tmp_path / "x y")))
        assert traffic.num_rows == 3
        encoded = open_traffic(spark, traffic_config(url.format(tmp_path / "x%20y")))
        assert encoded.location == traffic.location

    def test_a_single_file(self, spark: SparkSession, tmp_path: Path) -> None:
        traffic = open_traffic(spark, traffic_config(write(tmp_path / "t.parquet", ROWS)))
        assert read_scan(spark, traffic) == ROWS

    def test_partitions_have_the_types_that_spark_infers(self, spark: SparkSession, tmp_path: Path) -> None:
        frame = spark.range(12).selectExpr(
            "id",
            "0.5D AS score",
            "CAST(id % 2 AS int) AS n",
            "IF(id % 3 = 0, NULL, 'x/ y=%') AS text",
            "DATE'2026-11-20' AS day",
            "TIMESTAMP'2026-03-29 02:30:00' AS at",
        )
        frame.write.partitionBy("n", "text", "day", "at").parquet(str(tmp_path / "t"))
        traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
        types = dict(zip(traffic.schema.names, traffic.schema.types, strict=True))
        assert types["n"] == pa.int32()
        assert types["text"] == pa.string()
        assert types["day"] == pa.date32()
        assert types["at"] == pa.timestamp("us", tz="UTC")
        read = read_direct(spark, traffic).sort_by("id").to_pylist()
        assert [row["text"] for row in read] == [None if row % 3 == 0 else "x/ y=%" for row in range(12)]
        assert [row["n"] for row in read] == [row % 2 for row in range(12)]
        assert {row["day"] for row in read} == {date(2026, 11, 20)}
        assert {row["at"] for row in read} == {datetime(2026, 3, 29, 2, 30, tzinfo=UTC)}
        assert read_scan(spark, traffic).sort_by("id").to_pylist() == read

    def test_directories_that_disagree_are_refused(self, spark: SparkSession, tmp_path: Path) -> None:
        write(tmp_path / "t" / "a=1" / "f.parquet", ROWS)
        write(tmp_path / "t" / "b=1" / "f.parquet", ROWS)
        with pytest.raises(TrafficError, match="do not agree on partition columns"):
            open_traffic(spark, traffic_config(tmp_path / "t"))

    @pytest.mark.parametrize("name", ["data.csv", "data.json"])
    def test_other_formats_are_refused(self, spark: SparkSession, tmp_path: Path, name: str) -> None:
        content = {"data.csv": "id,score\n1,0.5\n", "data.json": '{"id": 1}\n'}[name]
        (tmp_path / name).write_text(content)
        with pytest.raises(TrafficError, match=f"{name}: is .* expected Parquet"):
            open_traffic(spark, traffic_config(tmp_path))

    def test_a_truncated_file_is_named(self, spark: SparkSession, tmp_path: Path) -> None:
        write(tmp_path / "1.parquet", ROWS)
        path = write(tmp_path / "2.parquet", ROWS)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(TrafficError, match=r"2\.parquet: is truncated"):
            open_traffic(spark, traffic_config(tmp_path))

    def test_a_path_that_is_not_there(self, spark: SparkSession, tmp_path: Path) -> None:
        with pytest.raises(TrafficError, match="nowhere: does not exist"):
            open_traffic(spark, traffic_config(tmp_path / "nowhere"))

    @pytest.mark.parametrize("version", [{"delta_version": 0}, {"delta_timestamp": "2026-01-01"}])
    def test_parquet_has_no_versions(self, spark: SparkSession, tmp_path: Path, version: dict[str, object]) -> None:
        write(tmp_path / "t.parquet", ROWS)
        with pytest.raises(ConfigError) as caught:
            open_traffic(spark, traffic_config(tmp_path, **version))
        assert caught.value.problems[0].path == f"traffic.{next(iter(version))}"

    def test_the_fingerprint_stands_for_the_files(self, spark: SparkSession, tmp_path: Path) -> None:
        path = write(tmp_path / "t.parquet", ROWS)
        first = open_traffic(spark, traffic_config(tmp_path)).fingerprint()
        assert open_traffic(spark, traffic_config(tmp_path)).fingerprint() == first
        os.utime(path, ns=(1, 1))
        assert open_traffic(spark, traffic_config(tmp_path)).fingerprint() != first

    def test_a_remote_path_is_read_through_spark(self, spark: SparkSession, tmp_path: Path) -> None:
        write(tmp_path / "t" / "day=1" / "a b.parquet", ROWS)
        conf = spark._jsc.hadoopConfiguration()
        conf.set("fs.viewfs.mounttable.default.link./data", f"file://{tmp_path}")
        traffic = open_traffic(spark, traffic_config("viewfs:///data/t"))
        assert traffic.direct_problem == "the table is not on a local filesystem"
        assert traffic.num_rows is None
        assert [file.partition_values for file in traffic.files] == [{"day": 1}]
        assert read_scan(spark, traffic, ["id", "score"]) == ROWS
        with pytest.raises(TrafficError, match="Path does not exist"):
            open_traffic(spark, traffic_config("viewfs:///data/none"))


class TestDelta:
    def test_the_latest_version_is_pinned(self, spark: SparkSession, tmp_path: Path) -> None:
        save_delta(spark, tmp_path / "t")
        save_delta(spark, tmp_path / "t", first=10)
        traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
        save_delta(spark, tmp_path / "t", first=20)
        assert (traffic.format, traffic.delta_version, traffic.num_rows) == ("delta", 1, 20)
        assert sorted(read_direct(spark, traffic)["id"].to_pylist()) == list(range(20))
        assert sorted(read_scan(spark, traffic)["id"].to_pylist()) == list(range(20))

    def test_an_older_version(self, spark: SparkSession, tmp_path: Path) -> None:
        save_delta(spark, tmp_path / "t")
        save_delta(spark, tmp_path / "t", first=10)
        traffic = open_traffic(spark, traffic_config(tmp_path / "t", delta_version=0))
        assert traffic.delta_version == 0
        assert read_direct(spark, traffic)["id"].to_pylist() == list(range(10))
        latest = open_traffic(spark, traffic_config(tmp_path / "t"))
        assert latest.fingerprint() != traffic.fingerprint()
        with pytest.raises(TrafficError, match="has no version 7: the latest is 1"):
            open_traffic(spark, traffic_config(tmp_path / "t", delta_version=7))

    def test_the_version_of_a_time(self, spark: SparkSession, tmp_path: Path) -> None:
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

    def test_a_commit_of_another_session_is_seen(self, spark: SparkSession, tmp_path: Path) -> None:
        save_delta(spark, tmp_path / "t")
        open_traffic(spark, traffic_config(tmp_path / "t"))
        log = tmp_path / "t" / "_delta_log"
        commit = (log / f"{0:020}.json").read_text().splitlines()
        info = next(line for line in commit if "commitInfo" in line)
        (log / f"{1:020}.json").write_text(info + "\n")
        assert open_traffic(spark, traffic_config(tmp_path / "t")).delta_version == 1

    def test_partitions(self, spark: SparkSession, tmp_path: Path) -> None:
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

    def test_deletion_vectors_need_a_scan(self, spark: SparkSession, tmp_path: Path) -> None:
        save_delta(spark, tmp_path / "t", **{"delta.enableDeletionVectors": "true"})
        assert open_traffic(spark, traffic_config(tmp_path / "t")).direct_problem is None
        spark.sql(f"DELETE FROM delta.`{tmp_path}/t` WHERE id IN (3, 5)")
        traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
        assert traffic.direct_problem == "rows of the Delta table are deleted by deletion vectors"
        assert traffic.num_rows == 8
        assert read_scan(spark, traffic)["id"].to_pylist() == [0, 1, 2, 4, 6, 7, 8, 9]

    def test_column_mapping_needs_a_scan(self, spark: SparkSession, tmp_path: Path) -> None:
        save_delta(spark, tmp_path / "t", **{"delta.columnMapping.mode": "name"})
        spark.sql(f"ALTER TABLE delta.`{tmp_path}/t` RENAME COLUMN score TO online_score")
        traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
        assert "maps column names" in str(traffic.direct_problem)
        assert traffic.schema.names == ["id", "online_score"]
        assert read_scan(spark, traffic)["online_score"].to_pylist() == [row * 0.5 for row in range(10)]

    def test_a_shallow_clone_reads_the_files_of_the_other_table(self, spark: SparkSession, tmp_path: Path) -> None:
        save_delta(spark, tmp_path / "from here")
        spark.sql(f"CREATE TABLE delta.`{tmp_path}/clone` SHALLOW CLONE delta.`{tmp_path}/from here`")
        traffic = open_traffic(spark, traffic_config(tmp_path / "clone"))
        assert read_direct(spark, traffic)["id"].to_pylist() == list(range(10))

    def test_columns_that_came_later_are_null_before(self, spark: SparkSession, tmp_path: Path) -> None:
        save_delta(spark, tmp_path / "t")
        later = spark.range(10, 11).selectExpr("id", "1.0D AS score", "'x' AS country")
        later.write.format("delta").mode("append").option("mergeSchema", "true").save(str(tmp_path / "t"))
        traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
        assert read_direct(spark, traffic).sort_by("id")["country"].to_pylist() == [None] * 10 + ["x"]

    def test_files_that_are_gone_or_cut_are_named(self, spark: SparkSession, tmp_path: Path) -> None:
        save_delta(spark, tmp_path / "t")
        data = next((tmp_path / "t").glob("*.parquet"))
        content = data.read_bytes()
        data.write_bytes(content[:-30])
        with pytest.raises(TrafficError, match=rf"{data.name}: has .* bytes, but the Delta log says {len(content)}"):
            open_traffic(spark, traffic_config(tmp_path / "t"))
        data.unlink()
        with pytest.raises(TrafficError, match=rf"{data.name}: is part of the Delta table but cannot be read"):
            open_traffic(spark, traffic_config(tmp_path / "t"))

    def test_rows_are_counted_where_the_log_has_no_statistics(self, spark: SparkSession, tmp_path: Path) -> None:
        spark.conf.set("spark.databricks.delta.stats.collect", "false")
        try:
            save_delta(spark, tmp_path / "t")
        finally:
            spark.conf.unset("spark.databricks.delta.stats.collect")
        assert "numRecords" not in (tmp_path / "t" / "_delta_log" / f"{0:020}.json").read_text()
        assert open_traffic(spark, traffic_config(tmp_path / "t")).num_rows == 10

    def test_a_column_wider_in_a_file_than_in_the_table_is_refused(self, spark: SparkSession, tmp_path: Path) -> None:
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

    def test_an_empty_log(self, spark: SparkSession, tmp_path: Path) -> None:
        (tmp_path / "t" / "_delta_log").mkdir(parents=True)
        with pytest.raises(TrafficError, match="_delta_log with no commits"):
            open_traffic(spark, traffic_config(tmp_path / "t"))

    def test_what_the_manifest_says(self, spark: SparkSession, tmp_path: Path) -> None:
        save_delta(spark, tmp_path / "t")
        config = traffic_config(tmp_path / "t", time={"column": "id", "unit": "s"}, window={"start": "2026-11-20"})
        told = open_traffic(spark, config).describe()
        assert told["delta_version"] == 0
        assert told["path"] == str(tmp_path / "t")
        assert told["window"] == {"start": "2026-11-20T00:00:00Z", "end": None}


class TestCatalog:
    def test_tables_and_views(self, spark: SparkSession, tmp_path: Path) -> None:
        spark.sql(f"CREATE DATABASE traffic_tests LOCATION '{tmp_path}'")
        try:
            self.check_tables(spark)
        finally:
            spark.sql("DROP DATABASE traffic_tests CASCADE")

    def check_tables(self, spark: SparkSession) -> None:
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

    def test_a_temporary_view(self, spark: SparkSession) -> None:
        spark.range(3).selectExpr("id", "0.5D AS score").createOrReplaceTempView("traffic_view")
        assert read_scan(spark, open_traffic(spark, traffic_config(table="traffic_view")))["id"].to_pylist() == [
            0,
            1,
            2,
        ]

    def test_a_table_that_is_not_there(self, spark: SparkSession) -> None:
        with pytest.raises(TrafficError, match=r"the catalog has no table `traffic_tests.none`"):
            open_traffic(spark, traffic_config(table="traffic_tests.none"))
