"""Indexes of other tables: made once, where tasks read the traffic, and gone when the command ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from replay.config import EngineConfig
from replay.errors import TrafficError
from replay.files.process_directory import process_directory
from replay.flows.sources import indexing
from replay.flows.sources.indexing import SourceIndexes, columns_taken, find_partners, tasks_read
from replay.flows.stages.scenario_inputs import ScenarioInputs
from replay.traffic import JoinedColumn, JoinedTable, PinnedSource
from replay.traffic.sources.indexed.index import SourceIndex
from tests.traffic.sources.indexed.tables import opened, served

pytestmark = pytest.mark.spark


@pytest.fixture
def visit() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as visit:
        yield visit


def inputs(source: PinnedSource, *features: str) -> ScenarioInputs:
    columns = tuple(JoinedColumn(f"joined {name}", "served", name) for name in features)
    return ScenarioInputs(place="scenarios.served[0]", joined=(JoinedTable(source, "matched", columns),))


def test_a_table_is_indexed_once_with_all_that_is_wanted(
    spark: SparkSession, tmp_path: Path, visit: contextlib.ExitStack
):
    traffic, source = opened(spark, tmp_path, [served()])
    indexes = SourceIndexes(spark, traffic, visit, {})
    first = indexes.of(source, ["f", "word"])
    assert indexes.of(source, ["f.x"]) is first
    given = inputs(source, "x", "word")
    assert columns_taken(given.joined) == {"served": ["f.x", "word"]}
    found, (lookup,) = find_partners(EngineConfig(), traffic, given, indexes)

    assert lookup.index is first
    assert [field.name for field in lookup.fields] == ["joined x", "joined word", "matched"]
    assert found.obstacle is None
    more = indexes.of(source, ["other"])
    assert more is not first
    assert indexes.made == {"served": more}
    again = SourceIndexes(spark, traffic, visit, indexes.made)
    assert again.of(source, ["other"]) is more


def test_where_spark_reads_or_joins_nothing_is_indexed(
    spark: SparkSession, tmp_path: Path, visit: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch
):
    traffic, source = opened(spark, tmp_path, [served()])
    indexes = SourceIndexes(spark, traffic, visit, {})
    given = inputs(source, "x")
    assert find_partners(EngineConfig(reader="spark"), traffic, given, indexes) == (given, ())
    assert find_partners(EngineConfig(), traffic, ScenarioInputs(), indexes) == (ScenarioInputs(), ())
    monkeypatch.setattr(indexing, "index_obstacle", lambda *_: "cannot be read by tasks")
    found, lookups = find_partners(EngineConfig(), traffic, given, indexes)

    assert lookups == ()
    assert found.obstacle == ("`scenarios.served[0]` takes values of `served`, which cannot be read by tasks")
    assert indexes.made == {}


def test_a_file_that_cannot_be_read_is_named(spark: SparkSession, tmp_path: Path, visit: contextlib.ExitStack):
    traffic, source = opened(spark, tmp_path, [served()])
    (tmp_path / "served" / "0.parquet").unlink()
    with pytest.raises(TrafficError, match=r"served/0\.parquet: "):
        SourceIndexes(spark, traffic, visit, {}).of(source, ["word"])


def test_indexes_are_written_beside_sparks_files_and_go_with_the_visit(spark: SparkSession, tmp_path: Path):
    traffic, source = opened(spark, tmp_path, [served()])
    with contextlib.ExitStack() as visit:
        index = SourceIndexes(spark, traffic, visit, {}).of(source, ["word"])
        assert isinstance(index, SourceIndex)
        directory = Path(index.directory)
        assert directory.parents[1] in (Path(spark.conf.get("spark.local.dir", "")), process_directory())
        assert directory.exists()
    assert not directory.exists()


def test_what_is_wanted_is_indexed_with_the_first_look(
    spark: SparkSession, tmp_path: Path, visit: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch
):
    traffic, source = opened(spark, tmp_path, [served()])
    indexes = SourceIndexes(spark, traffic, visit, {}, {"served": ["f.x"], "other": ["y"]})
    assert indexes.matches(source) is None  # half of the rows have a partner: Spark finds examples
    index = indexes.of(source)
    assert isinstance(index, SourceIndex)
    assert index.schema.names == ["key", "f"]


def test_what_only_spark_joins_is_asked_about_once(
    spark: SparkSession, tmp_path: Path, visit: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch
):
    traffic, source = opened(spark, tmp_path, [served()])
    asked: list[str] = []

    def refuses(*_: object) -> str:
        asked.append("asked")
        return "takes more than 16 GiB"

    monkeypatch.setattr(indexing, "index_source", refuses)
    indexes = SourceIndexes(spark, traffic, visit, {})
    assert indexes.matches(source) is None
    assert indexes.of(source) == "takes more than 16 GiB"
    assert asked == ["asked"]
    assert not tasks_read(EngineConfig(reader="spark"), traffic)
