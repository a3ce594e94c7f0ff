"""Rows that meet, counted by tasks: as Spark counts them, where all is well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.config import SourceConfig
from replay.traffic import SourceMatches, check_source, open_source, open_traffic
from replay.traffic.sources.indexed import match
from replay.traffic.sources.indexed.build import index_source
from replay.traffic.sources.indexed.index import SourceIndex
from replay.traffic.sources.indexed.match import match_keys
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark

LOGGED = {"id": list(range(400)), "user": [f"u{row % 7}" if row else None for row in range(400)]}


def counted(
    spark: SparkSession, folder: Path, tables: list[dict[str, Any]], key: dict[str, str], **settings: Any
) -> tuple[SourceMatches | None, SourceMatches]:
    """By tasks, and by Spark."""
    write(folder / "traffic" / "t.parquet", pa.table({**LOGGED, "score": [0.0] * 400}), row_group_size=100)
    for number, columns in enumerate(tables):
        write(folder / "other" / f"{number}.parquet", pa.table(columns))
    config = traffic_config(folder / "traffic", **settings)
    traffic = open_traffic(spark, config)
    source = open_source(
        spark, "other", SourceConfig.model_validate({"path": str(folder / "other"), "key": key}), config
    )
    index = index_source(spark, traffic, source, (), folder / "index")
    assert isinstance(index, SourceIndex)
    return match_keys(spark, traffic, source, index), check_source(spark, traffic, source, {})


def test_rows_that_meet_are_counted_as_by_spark(spark: SparkSession, tmp_path: Path):
    tables: list[dict[str, Any]] = [{"req": list(range(200, 500))}, {"req": list(range(3, 200))}]
    found, by_spark = counted(spark, tmp_path, tables, {"id": "req"})
    assert found == by_spark == SourceMatches(400, 497, 397, 100)


def test_several_rows_meet_the_same_one(spark: SparkSession, tmp_path: Path):
    found, by_spark = counted(spark, tmp_path, [{"user": [f"u{place}" for place in range(9)]}], {"user": "user"})
    assert found == by_spark == SourceMatches(400, 9, 399, 2)


def test_rows_that_are_selected_alone(spark: SparkSession, tmp_path: Path):
    found, by_spark = counted(spark, tmp_path, [{"id": list(range(400))}], {"id": "id"}, where="id >= 100")
    assert found == by_spark == SourceMatches(300, 400, 300, 100)


def test_where_few_meet_spark_looks_for_examples(spark: SparkSession, tmp_path: Path):
    found, by_spark = counted(spark, tmp_path, [{"id": list(range(370))}], {"id": "id"})
    assert found is None
    assert (by_spark.matched, len(by_spark.examples_here)) == (370, 3)


def test_null_keys_and_very_many_rows_are_left_to_spark(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path / "traffic" / "t.parquet", pa.table({**LOGGED, "score": [0.0] * 400}))
    config = traffic_config(tmp_path / "traffic")
    traffic = open_traffic(spark, config)

    def found(name: str, ids: list[int | None]) -> SourceMatches | None:
        write(tmp_path / name / "t.parquet", pa.table({"id": ids}))
        source = open_source(
            spark, name, SourceConfig.model_validate({"path": str(tmp_path / name), "key": "id"}), config
        )
        index = index_source(spark, traffic, source, (), tmp_path / "index")
        assert isinstance(index, SourceIndex)
        return match_keys(spark, traffic, source, index)

    assert found("null", [*range(400), None]) is None
    assert found("whole", [*range(400)]) == SourceMatches(400, 400, 400, 0)
    monkeypatch.setattr(match, "_MOST_ROWS", 399)
    assert found("many", [*range(400)]) is None
