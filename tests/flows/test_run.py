"""One replay, from the config to the files, against plain numpy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import log_loss, roc_auc_score

import replay
from replay.errors import OutputConflict, RunFailed, TrafficError
from replay.flows.finished.result import RunResult
from replay.report.summary import FeatureRejects
from tests.flows.case import ROWS, expected_scores, write_case

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def result(spark: SparkSession, table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return replay.run(write_case(tmp_path_factory.mktemp("case"), table))


def scores_by_key(result: RunResult, column: str = "prod") -> dict[str, Any]:
    return {row[0]: row[1] for row in result.scores.select("request_id", column).collect()}


def test_every_row_has_the_score_that_numpy_computes(result: RunResult, table: pa.Table):
    scores = scores_by_key(result)
    expected = dict(zip(table["request_id"].to_pylist(), expected_scores(table), strict=True))
    assert scores.keys() == expected.keys()
    assert max(abs(scores[key] - expected[key]) for key in expected) < 1e-6


def test_the_burst_is_what_differs(result: RunResult, table: pa.Table):
    online, expected = table["online_score"].to_numpy(), expected_scores(table)
    mismatched = int((np.abs(expected - online) > 1e-5 + 1e-4 * np.abs(online)).sum())
    compared = result.summary.variants["prod"].vs_online
    assert compared is not None
    assert (compared.compared, compared.mismatched) == (ROWS, mismatched)
    assert compared.max_abs == pytest.approx(0.25, abs=1e-6)
    assert compared.mean_delta == pytest.approx(float((expected - online).mean()), abs=1e-8)


def test_slices_and_buckets_add_up(result: RunResult, table: pa.Table):
    rows = [row for row in result.data.rows if row.metric == "mismatch_rate" and row.variant == "prod"]
    rows = [row for row in rows if row.against == "online"]
    surfaces = {row.slice: row.rows for row in rows if row.bucket is None}
    counts = {f"surface={value}": table["surface"].to_pylist().count(value) for value in ("home", "search")}
    assert surfaces == {"all": ROWS, **counts}
    buckets = [row for row in rows if row.bucket is not None and row.slice == "all"]
    # 4,000 rows, ten a second from a full minute on: six minutes of 600 and one of 400.
    assert [row.rows for row in buckets] == [600] * 6 + [400]
    bad = [row.bucket.minute for row in buckets if row.value]
    assert bad == [3]  # rows 2,000 to 2,199 are at 200 to 220 s


def test_quality_agrees_with_scikit_learn(result: RunResult, table: pa.Table):
    label, expected = table["label"].to_numpy(), expected_scores(table)
    metrics = result.summary.variants["prod"].metrics
    base = log_loss(label, np.full(ROWS, label.mean()))
    assert metrics["auc"].value == pytest.approx(roc_auc_score(label, expected), abs=1e-6)
    assert metrics["logloss"].value == pytest.approx(log_loss(label, expected), abs=1e-6)
    assert metrics["ne"].value == pytest.approx(log_loss(label, expected) / base, abs=1e-6)
    assert metrics["calibration"].value == pytest.approx(expected.sum() / label.sum(), abs=1e-6)
    online = result.summary.online_metrics["auc"].value
    assert online == pytest.approx(roc_auc_score(label, table["online_score"].to_numpy()), abs=1e-6)


def test_the_worst_rows_come_with_their_features(result: RunResult, table: pa.Table, spark: SparkSession):
    worst = result.data.worst_rows
    assert len(worst) == 100
    logged = {row["request_id"]: row for row in table.to_pylist()}
    for row in worst:
        assert row.features["x0"] == logged[row.key["request_id"]]["x0"]
        assert row.online == logged[row.key["request_id"]]["online_score"]
        assert f"--key request_id={row.key['request_id']}" in row.command
    stored = spark.read.format("delta").load(f"{result.output}/diffs").collect()
    assert [row.key["request_id"] for row in stored] == [row.key["request_id"] for row in worst]


def test_the_output_holds_what_the_contract_says(result: RunResult, spark: SparkSession):
    output = Path(result.output)
    summary = json.loads((output / "summary.json").read_text())
    assert summary == result.summary.to_dict()
    assert summary["reconciliation"] == {
        "read": ROWS,
        "filtered": 0,
        "rejected": {},
        "scored": ROWS,
        "rejected_by_feature": {},
    }
    assert {"read", "encode", "score", "write", "diff", "wall"} <= summary["timings"].keys()
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["status"] == "complete"
    assert manifest["run_id"] == summary["run_id"]
    assert manifest["rows"] == {"in": ROWS, "out": ROWS}
    metrics = spark.read.format("delta").load(str(output / "metrics"))
    assert metrics.columns[:2] == ["variant", "against"]
    stored = metrics.where("metric = 'mismatch_rate' and slice = 'all' and bucket is null and against = 'online'")
    compared = result.summary.variants["prod"].vs_online
    assert compared is not None
    assert [row.value for row in stored.where("variant = 'prod'").collect()] == [compared.mismatch_rate]


def test_a_program_gets_the_tables_with_spark_or_without(result: RunResult, spark: SparkSession):
    frame = result.to_pandas()
    there = result.scores.toArrow()
    assert list(frame.columns) == there.schema.names
    assert dict(zip(frame["request_id"], frame["prod"], strict=True)) == scores_by_key(result)
    metrics = spark.read.format("delta").load(f"{result.output}/metrics")
    assert len(result.metrics) == metrics.count()
    (auc,) = result.metrics.where(variant="prod", metric="auc", slice="all", bucket=None, against=None)
    assert auc.value == result.summary.variants["prod"].metrics["auc"].value


def test_a_finished_run_is_not_scored_again(result: RunResult, spark: SparkSession):
    config = Path(result.output).parent / "replay.yaml"
    before = spark.sql(f"DESCRIBE HISTORY delta.`{result.output}/scores`").count()
    again = replay.run(config)
    assert spark.sql(f"DESCRIBE HISTORY delta.`{result.output}/scores`").count() == before
    assert again.summary.variants == result.summary.variants


def test_another_config_needs_overwrite(result: RunResult):
    config = Path(result.output).parent / "replay.yaml"
    before = Path(result.output, "summary.json").read_text()
    with pytest.raises(OutputConflict):
        replay.run(config, overrides=["diff.tolerance.abs=0.5"])
    assert Path(result.output, "summary.json").read_text() == before


def test_both_readers_give_the_same_bits(spark: SparkSession, table: pa.Table, tmp_path: Path):
    config = write_case(tmp_path, table)
    direct = replay.run(config, overrides=["engine.reader=direct"], output=str(tmp_path / "direct"))
    scanned = replay.run(config, overrides=["engine.reader=spark"], output=str(tmp_path / "spark"))
    assert scores_by_key(direct) == scores_by_key(scanned)


def test_chunks_and_commits_change_no_more_than_float_noise(spark: SparkSession, table: pa.Table, tmp_path: Path):
    config = write_case(tmp_path, table)
    whole = replay.run(config, output=str(tmp_path / "whole"))
    cut = replay.run(config, overrides=["engine.chunk_rows=7", "engine.commit_rows=700"], output=str(tmp_path / "cut"))
    history = spark.sql(f"DESCRIBE HISTORY delta.`{cut.output}/scores`").count()
    assert history > 1
    left, right = scores_by_key(whole), scores_by_key(cut)
    assert left.keys() == right.keys()
    assert max(abs(left[key] - right[key]) for key in left) < 1e-6


def test_a_killed_run_goes_on_after_its_last_commit(
    spark: SparkSession, table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from replay.scoring.table import waves

    config = write_case(tmp_path, table)
    whole = replay.run(config, output=str(tmp_path / "whole"))
    append = waves.append_files

    def dies_at_the_third(
        path: str, schema: pa.Schema, files: Any, run_id: str, wave: int, indexed: int, **more: Any
    ) -> None:
        if wave == 2:
            raise RunFailed("killed")
        append(path, schema, files, run_id, wave, indexed, **more)

    monkeypatch.setattr(waves, "append_files", dies_at_the_third)
    overrides = ["engine.commit_rows=700"]
    with pytest.raises(RunFailed, match="killed"):
        replay.run(config, overrides=overrides, output=str(tmp_path / "cut"))
    assert not (tmp_path / "cut" / "summary.json").exists()
    monkeypatch.setattr(waves, "append_files", append)
    resumed = replay.run(config, overrides=overrides, output=str(tmp_path / "cut"))
    versions = spark.sql(f"DESCRIBE HISTORY delta.`{resumed.output}/scores`")
    # Four files of 1,000 rows, each a commit of at least 700: two before the kill, two after it.
    assert versions.count() == 4
    assert scores_by_key(resumed) == scores_by_key(whole)
    found, expected = resumed.summary.variants["prod"].vs_online, whole.summary.variants["prod"].vs_online
    assert found is not None
    assert expected is not None
    assert (found.compared, found.mismatched, found.max_abs) == (
        expected.compared,
        expected.mismatched,
        expected.max_abs,
    )


def test_rejected_rows_are_counted_and_kept(spark: SparkSession, table: pa.Table, tmp_path: Path):
    config = write_case(tmp_path, table)
    strict = "model.inputs[0].missing=null"
    with pytest.raises(TrafficError, match=r"x1 \(input dense\)"):  # a tenth of the rows: seen before any is scored
        replay.run(config, overrides=[strict])
    result = replay.run(config, overrides=[strict, "engine.max_rejected=0.5"])
    nulls = table["x1"].null_count
    assert result.summary.refused is None
    first = table["request_id"].filter(pc.is_null(table["x1"]))[0].as_py()
    assert result.summary.reconciliation.rejected_by_feature == {
        "x1": FeatureRejects({"null_without_default": nulls}, "null", {"request_id": first})
    }
    assert result.summary.warnings[0].startswith(f"{nulls} of 4,000 rows")
    assert result.summary.reconciliation.rejected == {"null_without_default": nulls}
    assert result.summary.reconciliation.scored == ROWS - nulls
    scores = scores_by_key(result)
    assert len(scores) == ROWS
    assert sum(score is None for score in scores.values()) == nulls


def test_window_and_filter_are_reconciled(spark: SparkSession, table: pa.Table, tmp_path: Path):
    config = write_case(tmp_path, table)
    overrides = [
        "traffic.window.start=2025-11-20T10:01:00Z",
        "traffic.window.end=2025-11-20T10:02:00Z",
        "traffic.where=surface = 'home'",
    ]
    result = replay.run(config, overrides=overrides)
    kept = sum(value == "home" for value in table["surface"].to_pylist()[600:1200])
    assert result.summary.reconciliation.read == ROWS
    assert result.summary.reconciliation.filtered == ROWS - kept
    assert result.summary.reconciliation.scored == kept
