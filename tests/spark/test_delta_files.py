"""Which files a table consists of, by its log alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from replay.spark.delta_files import live_files


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
    ],
    ids=["mapping", "partitions", "vector"],
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
