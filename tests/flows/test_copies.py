"""Rows that were logged more than once: refused with advice that works, or one of each replayed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import replay
from replay.errors import TrafficError
from replay.flows.finished.result import RunResult
from replay.store.arrow_tables import read_arrow_table
from tests.flows.case import expected_scores, make_table, write_case

pytestmark = pytest.mark.spark

ROWS = 400
TWICE = 90


@pytest.fixture(scope="module")
def table() -> pa.Table:
    lists = pa.array([[float(place), None] if place % 3 else None for place in range(ROWS)])
    maps = pa.array([[("a", place), ("b", 1)] for place in range(ROWS)], pa.map_(pa.string(), pa.int64()))
    return make_table(ROWS).append_column("lists", lists).append_column("maps", maps)


@pytest.fixture(scope="module")
def repeated(table: pa.Table) -> pa.Table:
    """Copies in the same file and in others, some rows three times."""
    rng = np.random.default_rng(3)
    places = np.concatenate([np.arange(ROWS), rng.integers(0, ROWS, TWICE)])
    return table.take(pa.array(rng.permutation(places)))


def run(directory: Path, table: pa.Table, reader: str, **more: Any) -> RunResult:
    case = write_case(directory, table, traffic__duplicates="drop_exact", engine={"reader": reader}, **more)
    return replay.run(case, quiet=True)


def scores_of(output: Path) -> pa.Table:
    scores = read_arrow_table(str(output / "scores"))
    assert scores is not None
    return scores.sort_by("request_id").select(["request_id", "online_score", "prod"])


@pytest.fixture(scope="module")
def once(spark: SparkSession, table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return replay.run(write_case(tmp_path_factory.mktemp("once"), table), quiet=True)


@pytest.mark.parametrize("reader", ["direct", "spark"])
def test_one_of_each_is_replayed(
    spark: SparkSession, table: pa.Table, repeated: pa.Table, once: RunResult, tmp_path: Path, reader: str
):
    result = run(tmp_path, repeated, reader)

    scores = scores_of(tmp_path / "out")
    assert scores == scores_of(Path(once.output))  # to the last bit
    np.testing.assert_allclose(scores["prod"].to_numpy(), expected_scores(table.sort_by("request_id")), atol=1e-6)
    summary = result.summary
    assert summary.reconciliation.copies == TWICE
    assert summary.reconciliation.read == ROWS + TWICE
    assert (summary.reconciliation.filtered, summary.reconciliation.unaccounted) == (0, 0)
    assert summary.rows == ROWS
    sentence = f"{TWICE} rows are exact copies of others: they are left out"
    assert sentence in summary.warnings
    assert sentence in (tmp_path / "out" / "report.html").read_text()
    online, first = summary.variants["prod"].vs_online, once.summary.variants["prod"].vs_online
    assert (online.compared, online.mismatched) == (first.compared, first.mismatched)
    assert summary.variants["prod"].metrics["auc"].value == once.summary.variants["prod"].metrics["auc"].value
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["reconciliation"]["copies"] == TWICE


def test_all_that_the_run_reads_is_compared(spark: SparkSession, table: pa.Table, tmp_path: Path):
    """A column that no one reads may differ, as the time at which a writer tried again does."""
    twice = pa.concat_tables([table, table.slice(0, 3)]).append_column("written", pa.array(range(ROWS + 3)))
    assert run(tmp_path / "unread", twice, "direct").summary.reconciliation.copies == 3
    with pytest.raises(TrafficError, match=r"(?s)6 rows share 3 keys.*3 of these keys have rows that differ"):
        run(tmp_path / "read", twice, "direct", traffic__segments=["written"])


@pytest.mark.parametrize("reader", ["direct", "spark"])
def test_rows_that_differ_are_refused_beside_copies(spark: SparkSession, table: pa.Table, tmp_path: Path, reader: str):
    other = table.slice(7, 1)
    other = other.set_column(other.schema.get_field_index("x0"), "x0", pa.array([9.0], pa.float32()))
    with pytest.raises(TrafficError, match="2 rows share 1 keys, for example request_id='r000007'"):
        run(tmp_path, pa.concat_tables([table, table.slice(0, 5), other]), reader)


def test_what_is_told_of_copies_works(spark: SparkSession, repeated: pa.Table, tmp_path: Path):
    config = write_case(tmp_path, repeated)
    with pytest.raises(TrafficError, match="exact copies in all columns that the run reads: write `duplicates: drop"):
        replay.run(config, quiet=True)
    replay.run(config, overrides=["traffic.duplicates=drop_exact"], quiet=True)
    assert scores_of(tmp_path / "out").num_rows == ROWS


@pytest.mark.parametrize("reader", ["direct", "spark"])
def test_lists_and_maps_are_compared_too(spark: SparkSession, table: pa.Table, tmp_path: Path, reader: str):
    def scored(directory: Path, traffic: pa.Table) -> RunResult:
        inputs = [
            {"name": "dense", "dtype": "float32", "features": ["x0", "x1", "maps.a"], "missing": 0.0},
            {"name": "item", "dtype": "int64", "feature": "item"},
        ]
        return run(directory, traffic, reader, model__inputs=inputs)

    assert scored(tmp_path / "same", pa.concat_tables([table, table.slice(5, 20)])).summary.reconciliation.copies == 20
    maps = pa.array([[("a", 5), ("b", 2)]], table.schema.field("maps").type)
    other = table.slice(5, 1).set_column(table.schema.get_field_index("maps"), "maps", maps)
    with pytest.raises(TrafficError, match="not unique"):
        scored(tmp_path / "other", pa.concat_tables([table, other]))


def test_nothing_is_counted_where_no_row_is_there_twice(spark: SparkSession, table: pa.Table, tmp_path: Path):
    summary = run(tmp_path, table, "direct").summary
    assert summary.reconciliation.copies == 0
    assert summary.warnings == ()


def test_a_diagnosis_and_a_validation_go_by_the_same_rows(
    spark: SparkSession, repeated: pa.Table, once: RunResult, tmp_path: Path
):
    config = write_case(tmp_path, repeated, traffic__duplicates="drop_exact")
    assert replay.validate(config).rows == ROWS
    result = replay.diagnose(config, quiet=True)
    assert result.summary.rows == ROWS
    assert result.summary.reconciliation.copies == TWICE
