"""``replay run``: what it prints, and the skew matrix and sensitivity from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import roc_auc_score

from tests.cli.command_line import replay
from tests.flows.case import ROWS, make_table
from tests.flows.pair import pair_scores, write_pair


def test_a_missing_config_is_wrong_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert replay("run", tmp_path / "nothing.yaml") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "nothing.yaml" in captured.err
    assert "Traceback" not in captured.err


def test_an_unknown_option_is_wrong_usage(capsys: pytest.CaptureFixture[str]):
    assert replay("run", "x.yaml", "--verbos") == 2
    assert "--verbos" in capsys.readouterr().err


@pytest.mark.spark
def test_a_truncated_checkpoint_is_refused(
    spark: SparkSession, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    half = tmp_path / "half.pt2"
    half.write_bytes((case.parent / "prod.pt2").read_bytes()[:3000])
    assert replay("run", case, "--set", f"checkpoints.prod.path={half}", "--output", tmp_path / "out") == 3
    assert "half.pt2" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["verdict.json"]
    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text())
    assert (verdict["status"], verdict["exit_code"], verdict["run_id"]) == ("refused", 3, None)
    assert "half.pt2" in verdict["headline"]


@pytest.mark.spark
def test_run_prints_json_on_stdout_alone_and_report_renders_it_again(
    spark: SparkSession, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    output = tmp_path / "out"
    assert replay("run", case, "--output", output, "--json") == 0
    captured = capsys.readouterr()
    summary = json.loads(captured.out)
    assert summary == json.loads((output / "summary.json").read_text())
    assert "scoring" in captured.err
    page = (output / "report.html").read_text()
    (output / "report.html").unlink()
    assert replay("report", output, "--json") == 0
    assert json.loads(capsys.readouterr().out) == summary
    assert (output / "report.html").read_text() == page


@pytest.mark.spark
def test_quiet_prints_nothing(spark: SparkSession, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("run", case, "--output", tmp_path / "out", "--quiet") == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.spark
def test_a_skew_matrix_and_sensitivity_from_the_command_line(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    config = write_pair(tmp_path)
    # In any order: the option takes what has an equals sign.
    arguments = ("run", "--skew-matrix", "q=v1,v2", config, "i=v1,v2", "--sensitivity", "--json", "--quiet")
    assert replay(*arguments) == 0
    summary = json.loads(capsys.readouterr().out)
    assert [family["family"] for family in summary["sensitivity"]] == ["dense"]
    assert summary["variants"]["v1/null.dense"]["rows_scored"] == ROWS
    table = make_table()

    def scores(query: str, item: str) -> np.ndarray:
        return pair_scores(tmp_path, table, query, item)

    cells = {(cell["modules"]["q"], cell["modules"]["i"]): cell for cell in summary["skew_matrix"]["cells"]}
    assert cells.keys() == {("v1", "v1"), ("v1", "v2"), ("v2", "v1"), ("v2", "v2")}
    for (query, item), cell in cells.items():
        newest = "v1" if (query, item) == ("v1", "v1") else "v2"
        distance = np.abs(scores(query, item) - scores(newest, newest)).mean()
        assert cell["mean_abs"] == pytest.approx(distance, abs=1e-6)
        assert cell["auc"] == pytest.approx(roc_auc_score(table["label"].to_numpy(), scores(query, item)), abs=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--skew-matrix", "q=v1,v2"),
        ("--skew-matrix",),
        ("q=v1,v2", "i=v1,v2"),
        ("--skew-matrix", "q=v1,v2", "q=v1,v2"),
        ("--skew-matrix", "q=v1,v2", "i="),
        ("--skew-matrix", "q=v1,v2", "i"),
    ],
)
def test_a_skew_matrix_that_is_none_is_wrong_usage(
    case: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    assert replay("run", case, *arguments) == 2
    err = capsys.readouterr().err
    assert "expected" in err
    assert "Traceback" not in err


@pytest.mark.spark
def test_an_unknown_checkpoint_in_a_skew_matrix_is_named(
    spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]
):
    assert replay("run", case, "--skew-matrix", "a=prod,new", "b=prod,new") == 2
    assert "`new` is not under `checkpoints`" in capsys.readouterr().err
