"""Delta tables by SQL: versions, their files, what was committed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrameReader, SparkSession

from replay.errors import TrafficError
from replay.spark.delta import versions
from replay.spark.delta.snapshot import MAPPED
from tests.delta_oracle import logged_snapshot

pytestmark = pytest.mark.spark


def commit(spark: SparkSession, path: str, rows: int, **options: str) -> None:
    frame = spark.range(0, rows, 1, 1).selectExpr("id", "id % 2 AS part")
    frame.write.format("delta").mode("append").partitionBy("part").options(**options).save(path)


@pytest.fixture
def named(spark: SparkSession, tmp_path: Path) -> Iterator[str]:
    """A table of the catalog, with two commits."""
    spark.sql(f"CREATE DATABASE version_tests LOCATION '{tmp_path}'")
    try:
        spark.sql("CREATE TABLE version_tests.t USING delta AS SELECT id FROM range(3)")
        spark.sql("INSERT INTO version_tests.t SELECT id FROM range(1)")
        yield "spark_catalog.version_tests.t"
    finally:
        spark.sql("DROP DATABASE version_tests CASCADE")


def test_a_version_and_its_files(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "a b%41")
    commit(spark, path, 3)
    commit(spark, path, 1)
    for version in (0, 1, None):
        found, expected = versions.read_snapshot(spark, path, version), logged_snapshot(spark, path, version)
        assert (found.table_id, found.version) == (expected.table_id, expected.version)
        assert [file.path for file in found.files] == [file.path for file in expected.files]
        assert found.obstacle == "only Spark reads the log of the Delta table"


def test_columns_that_have_other_names_in_the_files(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    commit(spark, path, 3, **{"delta.columnMapping.mode": "name"})
    assert versions.read_snapshot(spark, path, None).obstacle == MAPPED


def test_a_table_that_the_catalog_gives_by_name(spark: SparkSession, tmp_path: Path, named: str) -> None:
    for version in (0, None):
        found = versions.read_snapshot(spark, named, version, named)
        expected = logged_snapshot(spark, f"{tmp_path}/t", version)
        assert (found.table_id, found.version) == (expected.table_id, expected.version)
        assert [file.path for file in found.files] == [file.path for file in expected.files]
    assert versions.version_at(spark, named, datetime(2999, 1, 1, tzinfo=UTC), named) == 1
    with pytest.raises(TrafficError, match=r"spark_catalog\.version_tests\.t: has no version 7: the latest is 1"):
        versions.read_snapshot(spark, named, 7, named)


def test_versions_that_are_not_there(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    with pytest.raises(TrafficError, match="the Delta log cannot be read: "):
        versions.read_snapshot(spark, path, None)
    with pytest.raises(TrafficError, match="the Delta log cannot be read: "):
        versions.version_at(spark, path, datetime(2999, 1, 1, tzinfo=UTC))
    commit(spark, path, 1)
    with pytest.raises(TrafficError, match="has no version 7: the latest is 0"):
        versions.read_snapshot(spark, path, 7)
    with pytest.raises(TrafficError, match="had no version at 2001"):
        versions.version_at(spark, path, datetime(2001, 1, 1, tzinfo=UTC))


def test_a_version_whose_log_was_cleaned_up(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    for _ in range(12):
        commit(spark, path, 1)
    (tmp_path / "t" / "_delta_log" / f"{0:020}.json").unlink()
    assert versions.read_snapshot(spark, path, 11).version == 11
    with pytest.raises(TrafficError, match=r"version 2 can no longer be read .*: give a later .*, up to 11"):
        versions.read_snapshot(spark, path, 2)


def test_what_was_committed(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    assert not versions.is_table(spark, path)
    assert "does not exist" in str(versions.reading_refusal(spark, path))
    commit(spark, path, 1, userMetadata="one")
    commit(spark, path, 1)
    commit(spark, path, 1, userMetadata="one")
    spark.range(1).selectExpr("id", "id AS part").write.format("delta").mode("overwrite").option(
        "userMetadata", "one"
    ).save(path)
    assert versions.is_table(spark, path)
    assert versions.commit_metadata(spark, path) == {"one", None}
    assert [versions.num_appends(spark, path, metadata) for metadata in ("one", "two")] == [2, 0]


def test_delta_is_told_from_its_absence(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    class Without:
        """A session that knows no such source."""

        class read:  # noqa: N801
            @staticmethod
            def format(source: str) -> DataFrameReader:
                return spark.read.format(f"no-{source}")

    lacking: Any = Without()
    assert versions.has_delta(spark)
    monkeypatch.setattr(versions, "gives_jvm", lambda session: False)
    assert versions.has_delta(spark)
    assert not versions.has_delta(lacking)
