"""Delta tables that Spark writes: a wave commits once, a table is replaced whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from replay.store import append_wave, read_table
from replay.store.spark_tables import last_appended_wave, other_writers, overwrite

pytestmark = pytest.mark.spark


def test_a_repeated_wave_changes_nothing(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "scores")
    assert last_appended_wave(spark, path, "run") == -1
    append_wave(spark.range(5), path, "run", 0, indexed=1)
    append_wave(spark.range(5), path, "run", 0, indexed=1)
    append_wave(spark.range(5, 8), path, "run", 1, indexed=1)
    assert sorted(row.id for row in read_table(spark, path).collect()) == list(range(8))
    assert last_appended_wave(spark, path, "run") == 1
    assert last_appended_wave(spark, path, "another") == -1
    assert other_writers(spark, path, "run") == []
    assert other_writers(spark, path, "another") == ["run"]


def test_ranges_are_kept_of_the_first_columns_alone(spark: SparkSession, tmp_path: Path):
    path = tmp_path / "scores"
    append_wave(spark.range(5).selectExpr("id", "id * 0.5 AS prod", "id * 2 AS new"), str(path), "run", 0, indexed=1)
    append_wave(spark.range(5).selectExpr("id", "id * 0.5 AS prod", "id * 2 AS new"), str(path), "run", 1, indexed=1)
    commits = [json.loads(line) for log in path.glob("_delta_log/*.json") for line in log.read_text().splitlines()]
    stats = [json.loads(commit["add"]["stats"]) for commit in commits if "add" in commit]
    assert {file["numRecords"] for file in stats} <= set(range(1, 6))
    assert {tuple(file["minValues"]) for file in stats} == {("id",)}


def test_columns_of_any_name(spark: SparkSession, tmp_path: Path):
    names = ["my key", "a,b;{}()=", "prod"]
    for wave in (0, 1):
        append_wave(
            spark.range(wave, wave + 1).selectExpr("id", "id", "id").toDF(*names), str(tmp_path), "run", wave, 1
        )
    assert read_table(spark, str(tmp_path)).columns == names
    assert sorted(row["my key"] for row in read_table(spark, str(tmp_path)).collect()) == [0, 1]
    overwrite(spark.range(3).toDF("x y"), str(tmp_path), "run")
    assert read_table(spark, str(tmp_path)).columns == ["x y"]


def test_a_table_is_replaced_whole(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "metrics")
    overwrite(spark.range(5), path, "run")
    overwrite(spark.createDataFrame([("a", 1.5)], "name string, value double"), path, "run")
    assert [tuple(row) for row in read_table(spark, path).collect()] == [("a", 1.5)]
