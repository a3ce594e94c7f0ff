"""Both readers deliver the same rows under the same schema, wherever Spark reads the table."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import ConfigError, TrafficError
from replay.traffic import open_traffic, plan_splits, scan_dataframe
from replay.traffic.read import scan
from tests.traffic.tables import read_direct, read_scan, traffic_config, write

pytestmark = pytest.mark.spark

MANY_TYPES = """
    id, CAST(id AS tinyint) AS i8, CAST(id AS smallint) AS i16, CAST(id AS int) AS i32, id % 2 = 0 AS flag,
    IF(id = 3, float('NaN'), CAST(id AS float) / 3) AS f32, IF(id = 4, double('-Infinity'), id / 7D) AS f64,
    CAST(id AS decimal(9, 2)) AS d9, CAST(-id AS decimal(18, 4)) AS d18, CAST(id AS decimal(38, 10)) AS d38,
    IF(id % 3 = 0, NULL, concat('é', id)) AS text, CAST(concat('b', id) AS binary) AS bytes,
    DATE'2026-03-29' AS day, timestamp_micros(id * 1000003) AS at, TIMESTAMP_NTZ'2026-03-29 02:30:00.000001' AS naive,
    IF(id = 5, NULL, array(CAST(id AS float), NULL)) AS vec, array(array(id), NULL, array()) AS nested,
    named_struct('a', id, 'b', named_struct('c', CAST(id AS string), 'x.y', NULL)) AS struct,
    IF(id = 6, NULL, map('k', CAST(id AS double), 'l', NULL)) AS map, map(1, named_struct('z', array(id))) AS deep,
    CAST(NULL AS string) AS nothing, id AS `odd name?.x`
"""


def comparable(table: pa.Table) -> list[dict[str, Any]]:
    rows = table.sort_by("id").to_pylist()
    return [{name: repr(value) for name, value in row.items()} for row in rows]


def without_zone_labels(schema: pa.Schema) -> list[tuple[str, str]]:
    return [
        (field.name, str(field.type).replace("America/New_York", "UTC").replace(" not null", "")) for field in schema
    ]


@pytest.mark.parametrize("format_", ["parquet", "delta"])
@pytest.mark.parametrize("partitioned", [False, True])
def test_equal_on_every_type_that_spark_writes(
    spark: SparkSession, tmp_path: Path, format_: str, partitioned: bool
) -> None:
    # Spark 4.0 writes no field of a struct that has no type.
    types = MANY_TYPES.replace("'x.y', NULL", "'x.y', INT(NULL)") if spark.version.startswith("4.0.") else MANY_TYPES
    frame = spark.sql(f"SELECT {types} FROM {{rows}}", rows=spark.range(0, 50, numPartitions=3))
    if format_ == "delta":
        frame = frame.withColumnRenamed("odd name?.x", "odd?.x")  # Delta allows no blanks without column mapping
    writer = frame.write.format(format_)
    (writer.partitionBy("flag", "day") if partitioned else writer).save(str(tmp_path / "t"))
    traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
    zone = str(spark.conf.get("spark.sql.session.timeZone"))
    direct = read_direct(spark, traffic)
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    try:
        scanned = read_scan(spark, traffic)
    finally:
        spark.conf.set("spark.sql.session.timeZone", zone)
    assert direct.schema == traffic.schema
    assert without_zone_labels(scanned.schema) == without_zone_labels(traffic.schema)
    scanned = scanned.cast(traffic.schema)
    assert comparable(direct) == comparable(scanned)
    row = direct.sort_by("id").slice(7, 1).to_pylist()[0]
    assert row["at"] == datetime(1970, 1, 1, 0, 0, 7, 21, tzinfo=UTC)
    assert row["d38"] == Decimal(7)
    assert row["vec"] == [7.0, None]


def test_equal_on_what_pyarrow_writes_and_spark_reads(spark: SparkSession, tmp_path: Path) -> None:
    at = datetime(2026, 3, 29, 1, 30, 0, 123456)
    logged = pa.table(
        {
            "id": [0, 1],
            "u8": pa.array([255, None], pa.uint8()),
            "u16": pa.array([65535, None], pa.uint16()),
            "u32": pa.array([2**32 - 1, None], pa.uint32()),
            "category": pa.array(["x", None]).dictionary_encode(),
            "large": pa.array(["x", None], pa.large_string()),
            "fixed": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
            "bytes": pa.array([b"ab", None], pa.binary(2)),
            "day": pa.array([date(2026, 3, 29), None], pa.date64()),
            "ms": pa.array([at.replace(microsecond=123000), None], pa.timestamp("ms")),
            "tokyo": pa.array([at, None], pa.timestamp("us", tz="Asia/Tokyo")),
            "lists": pa.array([[[at]], None], pa.list_(pa.list_(pa.timestamp("us")))),
        }
    )
    write(tmp_path / "t.parquet", logged)
    traffic = open_traffic(spark, traffic_config(tmp_path))
    assert traffic.spark_refuses == {}
    direct, scanned = read_direct(spark, traffic), read_scan(spark, traffic)
    assert without_zone_labels(direct.schema) == without_zone_labels(scanned.schema)
    assert direct.to_pylist() == scanned.to_pylist()
    assert direct["u32"].to_pylist() == [2**32 - 1, None]


def test_int96_is_equal_too(spark: SparkSession, tmp_path: Path) -> None:
    at = datetime(2026, 3, 29, 1, 30, 0, 123456)
    table = pa.table({"id": [0], "at": pa.array([at], pa.timestamp("ns"))})
    write(tmp_path / "t.parquet", table, use_deprecated_int96_timestamps=True)
    traffic = open_traffic(spark, traffic_config(tmp_path))
    assert read_direct(spark, traffic)["at"].to_pylist() == [at.replace(tzinfo=UTC)]
    assert read_scan(spark, traffic)["at"].to_pylist() == [at.replace(tzinfo=UTC)]


def test_unsigned_64_bits_have_the_same_values_and_spark_s_type(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", pa.table({"id": pa.array([2**64 - 1], pa.uint64())}))
    traffic = open_traffic(spark, traffic_config(tmp_path))
    assert read_direct(spark, traffic)["id"].to_pylist() == [2**64 - 1]
    assert read_scan(spark, traffic)["id"].to_pylist() == [Decimal(2**64 - 1)]


class TestRefusedBySpark:
    """pandas writes nanoseconds, which Spark does not read: such columns go through Python."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        table = pa.table(
            {
                "id": [0, 1],
                "at": pa.array([-1, 1_234_567_891], pa.timestamp("ns", tz="UTC")),
                "half": pa.array([np.float16(0.5), None]),
                "big": pa.array([2**64 - 1, None], pa.uint64()),
            }
        )
        return write(tmp_path / "t.parquet", table)

    def test_the_direct_reader_loses_nothing(self, spark: SparkSession, path: Path) -> None:
        traffic = open_traffic(spark, traffic_config(path))
        assert set(traffic.spark_refuses) == {"at", "half"}
        read = read_direct(spark, traffic)
        assert read["at"].cast(pa.int64()).to_pylist() == [-1, 1_234_567_891]
        assert read["half"].to_pylist() == [0.5, None]

    def test_through_python_they_come_in_spark_s_nearest_types(self, spark: SparkSession, path: Path) -> None:
        read = read_scan(spark, open_traffic(spark, traffic_config(path)))
        assert read["at"].cast(pa.int64()).to_pylist() == [-1, 1_234_567]  # rounded down to microseconds
        assert read["half"].to_pylist() == [0.5, None]
        assert read["big"].to_pylist() == [Decimal(2**64 - 1), None]

    def test_columns_that_spark_reads_are_still_scanned(self, spark: SparkSession, path: Path) -> None:
        frame = scan_dataframe(spark, open_traffic(spark, traffic_config(path)), ["id"])
        plan = frame._jdf.queryExecution().optimizedPlan().toString()
        assert "MapInArrow" not in plan
        assert "parquet" in plan.lower()

    def test_a_type_that_not_even_python_can_hand_to_spark(self, spark: SparkSession, tmp_path: Path) -> None:
        write(tmp_path / "t.parquet", pa.table({"id": [1], "t": pa.array([1], pa.time64("us"))}))
        traffic = open_traffic(spark, traffic_config(tmp_path))
        assert read_direct(spark, traffic).num_rows == 1
        assert read_scan(spark, traffic, ["id"])["id"].to_pylist() == [1]
        with pytest.raises(TrafficError, match=r"`t`: Spark does not read time64\[us\]"):
            scan_dataframe(spark, traffic, ["t"])


def test_files_with_different_schemas(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "1.parquet", pa.table({"id": pa.array([1], pa.int32()), "s": [{"x": 1}], "n": pa.nulls(1)}))
    write(tmp_path / "2.parquet", pa.table({"id": [2**40], "s": [{"x": 2, "y": "b"}], "f": [0.5], "n": ["n"]}))
    write(tmp_path / "3.parquet", pa.table({"id": [3], "f": [7]}))
    traffic = open_traffic(spark, traffic_config(tmp_path))
    assert set(traffic.spark_refuses) == {"n", "f"}  # nulls alone in one file; int64 and float64
    expected = [
        {"id": 1, "s": {"x": 1, "y": None}, "n": None, "f": None},
        {"id": 3, "s": None, "n": None, "f": 7.0},
        {"id": 2**40, "s": {"x": 2, "y": "b"}, "n": "n", "f": 0.5},
    ]
    assert read_direct(spark, traffic).sort_by("id").to_pylist() == expected
    assert read_scan(spark, traffic).sort_by("id").to_pylist() == expected
    natively = read_scan(spark, traffic, ["id", "s"]).sort_by("id")
    assert natively.to_pylist() == [{"id": row["id"], "s": row["s"]} for row in expected]


def test_empty_files_and_row_groups(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "1.parquet", pa.table({"id": pa.array([], pa.int64())}))
    write(tmp_path / "2.parquet", pa.table({"id": [1]}))
    traffic = open_traffic(spark, traffic_config(tmp_path))
    assert read_direct(spark, traffic)["id"].to_pylist() == [1]
    assert read_scan(spark, traffic)["id"].to_pylist() == [1]


def test_delta_tells_which_files_the_window_reaches(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "MANY_FILES", 2)
    frame = spark.range(0, 100, numPartitions=5).selectExpr("id", "timestamp_seconds(id) AS at", "id % 2 AS p")
    frame.write.format("delta").partitionBy("p").save(str(tmp_path / "a b%é"))
    window = {"start": "1970-01-01T00:00:35Z", "end": "1970-01-01T00:00:45Z"}
    traffic = open_traffic(spark, traffic_config(tmp_path / "a b%é", time="at", window=window))
    assert len(traffic.files) == 10
    assert len(scan.files_in_window(spark, traffic)) == 4  # of rows 20 to 39 and 40 to 59, in two partitions
    assert sorted(read_direct(spark, traffic)["id"].to_pylist()) == list(range(35, 45))


class TestReader:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return write(tmp_path / "t.parquet", pa.table({"id": [1, 2], "ctx": [{"a": 1}, None], "x": [0, 0]}))

    def test_auto_is_direct_where_it_can_be(self, spark: SparkSession, path: Path) -> None:
        plan = plan_splits(spark, open_traffic(spark, traffic_config(path)), ["ctx.a", "id", "ctx"])
        assert (plan.reader, plan.reason, plan.columns, plan.num_rows) == ("direct", None, ("ctx", "id"), 2)

    def test_auto_scans_where_it_must(self, spark: SparkSession, path: Path) -> None:
        plan = plan_splits(spark, open_traffic(spark, traffic_config(path, where="ln(id) = 0")), ["id"])
        assert (plan.reader, plan.splits) == ("spark", ())
        assert plan.reason == "`traffic.where`: only Spark computes `ln` of double to these bits"

    def test_spark_when_asked(self, spark: SparkSession, path: Path) -> None:
        assert plan_splits(spark, open_traffic(spark, traffic_config(path)), ["id"], "spark").reader == "spark"

    def test_direct_when_it_cannot_be_is_refused_with_the_reason(self, spark: SparkSession, path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            plan_splits(spark, open_traffic(spark, traffic_config(path, where="ln(id) = 0")), ["id"], "direct")
        assert caught.value.problems[0].path == "engine.reader"
        assert "`traffic.where`: only Spark computes `ln`" in caught.value.problems[0].message

    def test_a_bad_where_is_told_before_anything_runs(self, spark: SparkSession, path: Path) -> None:
        with pytest.raises(ConfigError, match="nobody"):
            plan_splits(spark, open_traffic(spark, traffic_config(path, where="nobody = 1")), ["id"])

    def test_a_column_that_is_not_there(self, spark: SparkSession, path: Path) -> None:
        with pytest.raises(TrafficError, match="no column `idd`; did you mean `id`"):
            plan_splits(spark, open_traffic(spark, traffic_config(path)), ["idd"])
