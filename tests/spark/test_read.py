"""Spark asked for exactly the files that are pinned."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from replay.errors import TrafficError
from replay.spark.errors import traffic_errors
from replay.spark.read import delta_dataframe, files_dataframe, list_with_spark

pytestmark = pytest.mark.spark

SCHEMA = pa.schema([("id", pa.int64())])


def write(path: Path, *ids: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": list(ids)}), path)
    return str(path)


def test_only_the_files_that_are_named(spark: SparkSession, tmp_path: Path) -> None:
    root = tmp_path / "t [1]{2}"
    named = [write(root / "day=2" / "a.parquet", 1), write(root / "day=3" / "b.parquet", 2)]
    write(root / "day=4" / "later.parquet", 3)
    rows = files_dataframe(spark, str(root), named, pa.schema([*SCHEMA, ("day", pa.int32())])).collect()
    assert sorted((row["id"], row["day"]) for row in rows) == [(1, 2), (2, 3)]


def test_a_file_that_is_gone_is_an_error_in_any_session(spark: SparkSession, tmp_path: Path) -> None:
    lenient = spark.newSession()
    lenient.conf.set("spark.sql.files.ignoreMissingFiles", "true")
    named = [write(tmp_path / name, 1) for name in ("a.parquet", "b.parquet")]
    frame = files_dataframe(lenient, str(tmp_path), named, SCHEMA)
    Path(named[1]).unlink()
    with pytest.raises(TrafficError), traffic_errors("the table"):
        frame.collect()


def test_a_version_of_a_delta_table(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    for _ in range(2):
        spark.range(3).write.format("delta").mode("append").save(path)
    assert (delta_dataframe(spark, path, 0).count(), delta_dataframe(spark, path, 1).count()) == (3, 6)


def test_files_are_listed_with_sizes_times_and_typed_partitions(spark: SparkSession, tmp_path: Path) -> None:
    first, second = write(tmp_path / "n=1" / "x=a" / "f.parquet", 1), write(tmp_path / "n=2" / "x=b" / "f.parquet", 2)
    rows, partitions = list_with_spark(spark, str(tmp_path))
    assert [row["path"] for row in rows] == [f"file:{first}", f"file:{second}"]
    assert [row["length"] for row in rows] == [Path(first).stat().st_size, Path(second).stat().st_size]
    assert [row["modified"] // 1_000_000 for row in rows] == [
        Path(file).stat().st_mtime_ns // 1_000_000 for file in (first, second)
    ]
    assert [row["values"] for row in rows] == [{"n": 1, "x": "a"}, {"n": 2, "x": "b"}]
    assert partitions == pa.schema([("n", pa.int32()), ("x", pa.string())])
