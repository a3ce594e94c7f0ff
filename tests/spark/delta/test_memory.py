"""What a session keeps of Delta tables in memory."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from replay.spark.delta import memory
from replay.spark.delta.versions import is_table

pytestmark = pytest.mark.spark


def test_a_table_that_was_deleted_is_looked_up_anew(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    spark.range(3).write.format("delta").save(path)
    assert is_table(spark, path)
    shutil.rmtree(path)
    memory.forget_log(spark, path)
    assert not is_table(spark, path)


def test_what_is_kept_is_known_and_goes(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    for mode in ("error", "append"):
        spark.range(3).write.format("delta").mode(mode).save(path)
    spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()
    assert any(kept.endswith(path) for _, kept in memory.logs_in_memory(spark))
    memory.forget_log(spark, path)
    assert not any(kept.endswith(path) for _, kept in memory.logs_in_memory(spark))


def test_a_session_without_its_jvm_keeps_what_it_likes(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "gives_jvm", lambda session: False)
    assert memory.logs_in_memory(spark) == frozenset()
    memory.forget_log(spark, str(tmp_path))
