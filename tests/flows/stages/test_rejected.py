"""Runs that reject rows: who is to blame, what is said, and that nothing passes on nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner, Result
from pyspark.sql import SparkSession

from replay.cli.main import cli
from replay.flows.stages.rejected import _count as count
from replay.flows.stages.rejected import rejects_by_feature
from tests.flows.case import make_table, write_case

ROWS = 2_000
GATES = [{"variant": "prod", "against": "online", "metric": "mismatch_rate", "max": 1.0}]
STRICT: list[dict[str, Any]] = [
    {"name": "dense", "features": ["x*"]},
    {"name": "item", "dtype": "int64", "feature": "item"},
]


def command(name: str, *arguments: object) -> Result:
    return CliRunner().invoke(cli, [name, *map(str, arguments)], standalone_mode=False)


def test_where_no_row_is_rejected_nothing_is_asked():
    prepared: Any = None
    table: Any = None
    assert rejects_by_feature(prepared, table, {}) == {}


def test_a_table_that_names_no_feature_is_not_read():
    """Its schema says so; Spark is not asked."""
    prepared: Any = None
    table: Any = SimpleNamespace(schema=pa.schema([("request_id", pa.string()), ("rejected", pa.string())]))
    assert rejects_by_feature(prepared, table, {"unknown_value": 3}) == {}


class HeldBatches:
    """A table in memory; two tasks have a half each."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def gather(self, columns: tuple[str, ...], function: Any) -> list[pa.RecordBatch]:
        half = self.table.num_rows // 2
        parts = (self.table.slice(0, half), self.table.slice(half))
        return [batch for part in parts for batch in function(part.select(list(columns)).to_batches())]


def test_rows_are_counted_by_feature_and_reason_with_the_smallest_key():
    """By hand; a row that no feature is to blame for has none, and one that was scored counts nowhere."""
    table = pa.table(
        {
            "rejected": ["a", "a", "a", "b", None, "b", "a"],
            "rejected_feature": ["x", "x", None, "y", None, "x", "x"],
            "k": ["r2", "r1", "r0", "r5", "r6", "r3", "r1"],
            "i": pa.array([1, 9, 3, 4, 5, 6, 2], pa.int32()),
        }
    )
    held: Any = HeldBatches(table)
    assert count(held, ("k", "i")) == [
        {"feature": None, "reason": "a", "rows": 1, "key": {"k": "r0", "i": 3}},
        {"feature": "y", "reason": "b", "rows": 1, "key": {"k": "r5", "i": 4}},
        {"feature": "x", "reason": "b", "rows": 1, "key": {"k": "r3", "i": 6}},
        {"feature": "x", "reason": "a", "rows": 3, "key": {"k": "r1", "i": 2}},
    ]
    none: Any = HeldBatches(table.slice(4, 1))
    assert count(none, ("k", "i")) == []


@pytest.mark.spark
def test_what_only_the_whole_run_shows_is_said_first_and_decides_no_gate(spark: SparkSession, tmp_path: Path):
    """With the Spark reader no sample is drawn before a run."""
    table = make_table(ROWS)
    config = write_case(tmp_path, table, model__inputs=STRICT, gates=GATES, engine={"reader": "spark"})
    nulls = table["x1"].null_count

    done = command("run", config)
    assert done.return_value == 3
    assert done.stdout.startswith(f"No verdict: {nulls} of 2,000 rows")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    first = table["request_id"].filter(pc.is_null(table["x1"]))[0].as_py()
    assert summary["reconciliation"]["rejected_by_feature"] == {
        "x1": {"reasons": {"null_without_default": nulls}, "example": "null", "key": {"request_id": first}}
    }
    assert summary["warnings"][0] == f"no verdict: {summary['refused']}"
    assert [gate["verdict"] for gate in summary["gates"]] == ["undecided"]
    assert "No verdict" in (tmp_path / "out" / "report.html").read_text()
    assert command("gate", tmp_path / "out").return_value == 3

    # The same scores, judged again: another limit is no other config.
    again = command("run", config, "--set", "engine.max_rejected=0.5")
    assert again.return_value == 0, again.output
    scores = spark.read.format("delta").load(str(tmp_path / "out" / "scores"))
    assert scores.where("rejected_feature = 'x1'").count() == nulls
    history = spark.sql(f"DESCRIBE HISTORY delta.`{tmp_path}/out/scores`")
    assert history.count() == 1


@pytest.mark.spark
def test_a_run_whose_online_scores_are_all_null_does_not_pass(spark: SparkSession, tmp_path: Path):
    table = make_table(ROWS)
    table = table.set_column(table.schema.get_field_index("online_score"), "online_score", pa.nulls(ROWS, pa.float64()))
    config = write_case(tmp_path, table, gates=GATES)
    done = command("gate", config)
    assert done.return_value == 3
    assert done.stdout.startswith("No verdict: nothing could be compared: the online score is null in every one of")
    assert "undecided" in done.stdout
