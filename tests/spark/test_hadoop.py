"""Small files wherever Hadoop reaches, and what a path means there."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from replay.spark.hadoop import HadoopStorage, local_path
from replay.store import Storage

pytestmark = pytest.mark.spark


def test_small_files_are_written_read_and_deleted(spark: SparkSession, tmp_path: Path):
    storage: Storage = HadoopStorage(f"file://{tmp_path}/out", spark)
    assert storage.names() == []
    assert storage.read("a.json") is None
    storage.write("a.json", "{é}")
    storage.write("a.json", "{è}")
    assert storage.read("a.json") == "{è}"
    assert [name for name in storage.names() if not name.startswith(".")] == ["a.json"]
    storage.delete("a.json")
    storage.delete("never there")
    assert storage.read("a.json") is None


def test_paths_of_this_machine(spark: SparkSession, tmp_path: Path):
    (tmp_path / "a b").mkdir()
    assert local_path(spark, f"{tmp_path}/a b") == f"{tmp_path}/a b"
    assert local_path(spark, f"file://{tmp_path}/a%20b") == f"{tmp_path}/a b"
    assert local_path(spark, f"file:{tmp_path}/a b") == f"{tmp_path}/a b"
    assert local_path(spark, "s3a://bucket/a") is None


def test_a_path_without_a_scheme_lies_on_the_default_file_system(spark: SparkSession):
    other = spark.newSession()
    other.conf.set("fs.defaultFS", "hdfs://there:8020")
    assert local_path(other, "/data") is None
