"""Which files of a directory are data, and how they are pinned."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import TrafficError
from replay.traffic import open_traffic
from replay.traffic.table.parquet import list_files
from tests.traffic.tables import read_direct, read_scan, traffic_config, write

ROWS = pa.table({"id": [1, 2, 3], "score": [0.1, 0.2, 0.3]})


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def test_finds_files_at_any_depth_but_no_hidden_ones(tmp_path: Path) -> None:
    names = ["b.parquet", "a b [1]/c.parquet", "_SUCCESS", ".b.parquet.crc", "_tmp/d.parquet", "_day=1/e.parquet"]
    for name in names:
        touch(tmp_path / name)
    found = list_files(str(tmp_path))
    assert [Path(path).relative_to(tmp_path).as_posix() for path, _, _ in found.files] == [
        "_day=1/e.parquet",
        "a b [1]/c.parquet",
        "b.parquet",
    ]
    assert found.partitioned
    assert found.files[0][1] == 1


def test_a_single_file(tmp_path: Path) -> None:
    touch(tmp_path / "day=1" / "a.parquet")
    found = list_files(str(tmp_path / "day=1" / "a.parquet"))
    assert len(found.files) == 1
    assert not found.partitioned


def test_a_directory_without_data_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "_SUCCESS")
    with pytest.raises(TrafficError, match="has no data files: expected Parquet files or a Delta table"):
        list_files(str(tmp_path))


def test_parts_of_a_delta_table_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "table" / "_delta_log" / "0.json")
    touch(tmp_path / "table" / "day=1" / "a.parquet")
    with pytest.raises(TrafficError, match=r"lies inside the Delta table .*table, whose files hold removed rows"):
        list_files(str(tmp_path / "table" / "day=1"))
    with pytest.raises(TrafficError, match="is a Delta table inside the given path"):
        list_files(str(tmp_path))


@pytest.mark.spark
def test_a_directory_with_signs_in_its_name(spark: SparkSession, tmp_path: Path) -> None:
    root = tmp_path / "a b%20[x]{y}*é"
    write(root / "part 1.parquet", ROWS)
    traffic = open_traffic(spark, traffic_config(root))
    assert (traffic.format, traffic.num_rows, traffic.direct_problem) == ("parquet", 3, None)
    assert read_direct(spark, traffic) == ROWS
    assert read_scan(spark, traffic) == ROWS


@pytest.mark.spark
def test_a_file_instead_of_a_directory(spark: SparkSession, tmp_path: Path) -> None:
    traffic = open_traffic(spark, traffic_config(write(tmp_path / "t.parquet", ROWS)))
    assert read_scan(spark, traffic) == ROWS


@pytest.mark.spark
def test_partitions_have_the_types_that_spark_infers(spark: SparkSession, tmp_path: Path) -> None:
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


@pytest.mark.spark
@pytest.mark.parametrize(
    ("folders", "values"),
    [
        (["007", "010", "123"], ["007", "010", "123"]),
        (["1.0", "1.10"], ["1.0", "1.10"]),
        (["1e3", "10"], ["1e3", "10"]),
        (["+5", "-0"], ["+5", "-0"]),
        (["1", "1.0"], ["1", "1.0"]),
        (["01", "__HIVE_DEFAULT_PARTITION__"], ["01", None]),
        (["01", "x"], ["01", "x"]),
        (["a%20b", "%2D"], ["a b", "-"]),
        (["2024-1-1", "2024-01-02"], ["2024-1-1", "2024-01-02"]),
        (["0.5", "2.25"], [0.5, 2.25]),
        (["1", "2.5"], [1.0, 2.5]),
        (["-3", "9"], [-3, 9]),
        (["12345678901", "1"], [12345678901, 1]),
    ],
    ids=lambda texts: "+".join(map(str, texts)),
)
def test_a_folder_is_a_number_where_that_gives_its_text_back(
    spark: SparkSession, tmp_path: Path, folders: list[str], values: list[object]
) -> None:
    for place, folder in enumerate(folders):
        write(tmp_path / "t" / f"store={folder}" / "f.parquet", pa.table({"id": [place], "score": [0.5]}))
    traffic = open_traffic(spark, traffic_config(tmp_path / "t"))
    read = read_direct(spark, traffic).sort_by("id")
    assert read["store"].to_pylist() == values
    assert read_scan(spark, traffic).sort_by("id").to_pylist() == read.to_pylist()


@pytest.mark.spark
def test_directories_that_disagree_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "t" / "a=1" / "f.parquet", ROWS)
    write(tmp_path / "t" / "b=1" / "f.parquet", ROWS)
    with pytest.raises(TrafficError, match="do not agree on partition columns"):
        open_traffic(spark, traffic_config(tmp_path / "t"))


@pytest.mark.parametrize("name", ["data.csv", "data.json"])
@pytest.mark.spark
def test_other_formats_are_refused(spark: SparkSession, tmp_path: Path, name: str) -> None:
    content = {"data.csv": "id,score\n1,0.5\n", "data.json": '{"id": 1}\n'}[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(TrafficError, match=f"{name}: is .* expected Parquet"):
        open_traffic(spark, traffic_config(tmp_path))


@pytest.mark.spark
def test_a_truncated_file_is_named(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "1.parquet", ROWS)
    path = write(tmp_path / "2.parquet", ROWS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TrafficError, match=r"2\.parquet: is truncated"):
        open_traffic(spark, traffic_config(tmp_path))


@pytest.mark.spark
def test_the_fingerprint_stands_for_the_files(spark: SparkSession, tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", ROWS)
    first = open_traffic(spark, traffic_config(tmp_path)).fingerprint()
    assert open_traffic(spark, traffic_config(tmp_path)).fingerprint() == first
    os.utime(path, ns=(1, 1))
    assert open_traffic(spark, traffic_config(tmp_path)).fingerprint() != first


@pytest.mark.spark
def test_a_remote_path_is_read_through_spark(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "t" / "day=1" / "a b.parquet", ROWS)
    conf = spark._jsc.hadoopConfiguration()
    conf.set("fs.viewfs.mounttable.default.link./data", f"file://{tmp_path}")
    traffic = open_traffic(spark, traffic_config("viewfs:///data/t"))
    assert "pyarrow cannot open viewfs://" in str(traffic.direct_problem)
    assert traffic.num_rows is None
    assert [file.partition_values for file in traffic.files] == [{"day": 1}]
    assert read_scan(spark, traffic, ["id", "score"]) == ROWS
    with pytest.raises(TrafficError, match="Path does not exist"):
        open_traffic(spark, traffic_config("viewfs:///data/none"))
