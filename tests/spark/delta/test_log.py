"""What the names and bytes of a Delta log say without Spark."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pyspark.sql import SparkSession

from replay.spark.delta.log import commit_sha256, is_empty, newest_version


def log_of(table: Path, *names: str) -> Path:
    log = table / "_delta_log"
    log.mkdir(parents=True)
    for name in names:
        (log / name).write_text(name)
    return log


def test_the_newest_commit_is_the_version(tmp_path: Path):
    log = log_of(
        tmp_path,
        "00000000000000000009.json",
        "00000000000000000010.json",
        "00000000000000000010.checkpoint.parquet",
        "00000000000000000011.crc",
        "_last_checkpoint",
    )
    assert newest_version(str(tmp_path)) == 10
    assert commit_sha256(str(tmp_path), 9) == hashlib.sha256(b"00000000000000000009.json").hexdigest()
    assert commit_sha256(str(tmp_path), 8) is None
    (log / "_staged_commits").mkdir()
    assert newest_version(str(tmp_path)) == 10
    (log / "_staged_commits" / "00000000000000000011.uuid.json").touch()
    assert newest_version(str(tmp_path)) is None


def test_what_is_no_table_has_no_version(tmp_path: Path):
    assert newest_version(str(tmp_path)) is None
    assert newest_version("dbfs:/table") is None
    assert commit_sha256("dbfs:/table", 0) is None
    log_of(tmp_path)
    assert newest_version(str(tmp_path)) is None


def test_delta_names_its_commits_so(spark: SparkSession, tmp_path: Path):
    table = str(tmp_path / "table")
    for place in range(2):
        spark.range(place, place + 1).write.format("delta").mode("append").save(table)
        assert newest_version(table) == place
    assert commit_sha256(table, 0) not in (None, commit_sha256(table, 1))


def test_a_log_with_nothing_in_it(tmp_path: Path):
    log = tmp_path / "_delta_log"
    assert not is_empty(str(tmp_path))
    log.mkdir()
    (log / "_staged_commits").mkdir()
    assert is_empty(str(tmp_path))
    (log / f"{3:020}.checkpoint.parquet").touch()
    assert not is_empty(str(tmp_path))
