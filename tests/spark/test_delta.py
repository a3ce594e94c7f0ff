"""Delta tables through the JVM: versions, files, commits, and what is kept in memory."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from replay.errors import TrafficError
from replay.spark import delta

pytestmark = pytest.mark.spark


def commit(spark: SparkSession, path: str, rows: int, **options: str) -> None:
    frame = spark.range(0, rows, 1, 1).selectExpr("id", "id % 2 AS part")
    frame.write.format("delta").mode("append").partitionBy("part").options(**options).save(path)


def test_a_version_and_its_files(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "a b")
    commit(spark, path, 3)
    commit(spark, path, 1)
    snapshot = delta.read_snapshot(spark, path, None, None)
    assert (snapshot.version, snapshot.partition_columns, snapshot.column_mapping) == (1, ("part",), False)
    told = [(file.partition_values["part"], file.num_rows, file.deleted) for file in snapshot.files]
    assert sorted(told) == [(0, 1, False), (0, 2, False), (1, 1, False)]
    assert all(Path(file.path).stat().st_size == file.size for file in snapshot.files)
    first = delta.read_snapshot(spark, path, 0, None)
    assert (first.table_id, first.version, len(first.files)) == (snapshot.table_id, 0, 2)


def test_versions_that_are_not_there(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    commit(spark, path, 1)
    with pytest.raises(TrafficError, match="has no version 7: the latest is 0"):
        delta.read_snapshot(spark, path, 7, None)
    with pytest.raises(TrafficError, match="had no version at 2001"):
        delta.read_snapshot(spark, path, None, datetime(2001, 1, 1, tzinfo=UTC))


def test_what_was_committed(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    assert not delta.is_table(spark, path)
    assert delta.transaction_versions(spark, path, "a") == []
    commit(spark, path, 1, txnAppId="a", txnVersion="3", userMetadata="one")
    commit(spark, path, 1, txnAppId="b", txnVersion="9")
    assert delta.is_table(spark, path)
    assert delta.transaction_versions(spark, path, "a") == [3]
    assert delta.commit_metadata(spark, path) == {"one", None}


def test_a_table_that_was_deleted_is_looked_up_anew(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    commit(spark, path, 1)
    assert delta.is_table(spark, path)
    shutil.rmtree(path)
    delta.forget_log(spark, path)
    assert not delta.is_table(spark, path)


def test_delta_is_told_from_its_absence(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    assert delta.has_delta(spark)
    monkeypatch.setattr(delta, "_delta_log", lambda session: session._jvm.org.nowhere.DeltaLog)
    assert not delta.has_delta(spark)
