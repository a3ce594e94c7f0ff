"""Which files a table consists of, by its log alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from replay.spark.delta.files import live_files, local_snapshot
from replay.spark.read import delta_dataframe
from replay.spark.types import readable_schema
from tests.delta_oracle import logged_snapshot


def write_log(table: Path, *commits: list[dict[str, Any]]) -> str:
    """A log with these commits, and an empty file for each that was ever added."""
    log = table / "_delta_log"
    log.mkdir(parents=True)
    for version, actions in enumerate(commits):
        (log / f"{version:020}.json").write_text("".join(f"{json.dumps(action)}\n" for action in actions))
        for action in actions:
            if "add" in action:
                (table / action["add"]["path"].replace("%20", " ")).touch()
    return str(table)


def add(path: str, **more: Any) -> dict[str, Any]:
    return {"add": {"path": path, **more}}


METADATA = {"metaData": {"configuration": {}, "partitionColumns": []}}


def test_files_are_those_that_were_added_and_not_removed(tmp_path: Path):
    table = write_log(
        tmp_path, [METADATA, add("a"), add("b c".replace(" ", "%20"))], [{"remove": {"path": "a"}}, add("d")]
    )
    assert live_files(table) == [f"{tmp_path}/b c", f"{tmp_path}/d"]


@pytest.mark.parametrize(
    "action",
    [
        {"metaData": {"configuration": {"delta.columnMapping.mode": "name"}}},
        {"metaData": {"partitionColumns": ["day"]}},
        add("x", deletionVector={"storageType": "u"}),
        {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["typeWidening"]}},
        {"protocol": {"minReaderVersion": 4, "minWriterVersion": 7}},
    ],
    ids=["mapping", "partitions", "vector", "feature", "protocol"],
)
def test_whatever_is_more_than_files_is_left_to_spark(action: dict[str, Any], tmp_path: Path):
    assert live_files(write_log(tmp_path, [METADATA, add("a")], [action])) is None


def test_a_log_that_is_not_whole_is_left_to_spark(tmp_path: Path):
    assert live_files(str(tmp_path / "nothing")) is None
    table = write_log(tmp_path, [add("a")], [add("b")], [add("c")])
    (tmp_path / "b").unlink()
    assert live_files(table) is None
    (tmp_path / "b").touch()
    (tmp_path / "_delta_log" / f"{1:020}.json").write_text("{")
    assert live_files(table) is None
    (tmp_path / "_delta_log" / f"{0:020}.json").unlink()
    assert live_files(table) is None


@pytest.mark.spark
def test_they_are_those_that_delta_has(spark: SparkSession, tmp_path: Path):
    table = str(tmp_path / "table")
    for mode, rows in (("overwrite", 3), ("append", 4), ("overwrite", 5), ("append", 6)):
        spark.range(rows).write.format("delta").mode(mode).save(table)
    found = live_files(table)
    expected = spark.read.format("delta").load(table).inputFiles()
    assert found is not None
    assert {Path(file).name for file in found} == {Path(file).name for file in expected}


@pytest.mark.spark
def test_a_version_is_what_spark_reads(spark: SparkSession, tmp_path: Path):
    path = str(tmp_path / "a table")
    columns = (
        "id",
        "id / 3 AS x",
        "CAST(id AS DECIMAL(12, 2)) AS d",
        "named_struct('a', array(id), 'b', map('k', 1)) AS s",
    )
    more = "current_timestamp() AS t", "CAST(now() AS TIMESTAMP_NTZ) AS n", "CAST(id AS STRING) AS `o.d`", "null AS v"
    rows = spark.range(0, 20, 1, 2).selectExpr(*columns, *more).drop("v")
    rows.write.format("delta").save(path)
    rows.write.format("delta").mode("append").save(path)
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id = 3")
    rows.limit(5).selectExpr("id", "'x' AS late").write.format("delta").mode("overwrite").option(
        "overwriteSchema", "true"
    ).save(path)
    for version in (None, 0, 1, 2, 3):
        found = local_snapshot(path, version)
        assert found is not None
        assert found[0] == logged_snapshot(spark, path, version)
        assert found[1] == readable_schema(delta_dataframe(spark, path, found[0].version))
    assert local_snapshot(path, 4) is None  # Spark says that there is none


def test_a_log_without_a_schema_is_left_to_spark(tmp_path: Path):
    assert local_snapshot(write_log(tmp_path, [add("a")]), None) is None
    assert local_snapshot(write_log(tmp_path / "b", [METADATA, add("a")]), None) is None
