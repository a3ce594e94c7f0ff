"""The command line: exit codes, where things are printed, and nothing but one clear message for a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import roc_auc_score

from replay.cli.main import cli, execute
from replay.errors import UsageError
from tests.flows.case import ROWS, make_table, write_case, write_model
from tests.flows.pair import pair_scores, write_pair


def replay(*arguments: object) -> int:
    return execute(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_case(tmp_path_factory.mktemp("cli"), make_table())


def test_a_missing_config_is_wrong_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert replay("run", tmp_path / "nothing.yaml") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "nothing.yaml" in captured.err
    assert "Traceback" not in captured.err


def test_an_unknown_option_is_wrong_usage(capsys: pytest.CaptureFixture[str]):
    assert replay("run", "x.yaml", "--verbos") == 2
    assert "--verbos" in capsys.readouterr().err


def test_the_demo_says_at_once_that_there_is_no_java(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "none"))
    assert replay("demo", tmp_path / "case") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: cannot run")
    assert "Spark needs Java 17 or 21" in line
    assert not (tmp_path / "case").exists()


def test_a_misspelt_key_names_its_line_and_the_nearest(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = case.read_text().replace("segments:", "segmnets:")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text)
    assert replay("validate", wrong) == 2
    line = next(number for number, one in enumerate(text.splitlines(), start=1) if "segmnets" in one)
    err = capsys.readouterr().err
    assert f"wrong.yaml:{line}:" in err
    assert "segments" in err


@pytest.mark.spark
def test_a_missing_column_is_refused_traffic(spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("validate", case, "--set", "traffic.score=online_scor") == 3
    assert "online_score" in capsys.readouterr().err


@pytest.mark.spark
def test_a_truncated_checkpoint_is_refused(
    spark: SparkSession, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    half = tmp_path / "half.pt2"
    half.write_bytes((case.parent / "prod.pt2").read_bytes()[:3000])
    assert replay("run", case, "--set", f"checkpoints.prod.path={half}", "--output", tmp_path / "out") == 3
    assert "half.pt2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.spark
def test_validate_says_what_a_run_would_do(spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("validate", case, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["rows_read"], found["reader"]) == (ROWS, ROWS, "direct")
    assert not (case.parent / "out").exists()


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
def test_row_follows_one_row(spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("row", case, "--key", "request_id=r002001", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["key"] == {"request_id": "r002001"}
    # Inside of the burst: the online score was raised by 0.25.
    assert found["online"] - found["replayed"]["prod"] == pytest.approx(0.25, abs=1e-6)
    logged = make_table().slice(2001, 1).to_pylist()[0]
    assert found["features"]["x2"] == logged["x2"]
    assert found["tensors"]["item"] == logged["item"]


@pytest.mark.spark
def test_a_row_that_is_not_there_is_refused(spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("row", case, "--key", "request_id=nobody") == 3
    assert "request_id=nobody" in capsys.readouterr().err


def test_report_of_nothing_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("report", tmp_path) == 2
    assert "finished run" in capsys.readouterr().err


def test_inspect_reads_a_checkpoint_without_running_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_model(tmp_path / "model.pt2")
    assert replay("inspect", tmp_path / "model.pt2") == 0
    out = capsys.readouterr().out
    assert "torch.export" in out
    assert "13 float32" in out  # 3 weights and 10 offsets


@pytest.mark.parametrize(
    ("command", "option", "value", "expected"),
    [
        ("inspect", "--allow-operator", "two words", "such as torchvision.nms"),
        ("inspect", "--allow-operator", "nms", "such as torchvision.nms"),
        ("init", "--allow-operator", "a.b;c", "such as torchvision.nms"),
        ("init", "--factory", "my_models", "module:function or file.py:function"),
    ],
)
def test_an_option_of_another_form_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, option: str, value: str, expected: str
):
    model = tmp_path / "model.pt2"
    given = [model] if command == "inspect" else ["--traffic", tmp_path, "--checkpoint", model]
    assert replay(command, *given, option, value) == 2
    err = capsys.readouterr().err
    assert f"found {value!r}, expected" in err
    assert expected in err


@pytest.mark.spark
def test_init_drafts_a_config_that_loads(
    spark: SparkSession, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    target = tmp_path / "draft.yaml"
    arguments = ("init", "--traffic", case.parent / "traffic", "--checkpoint", case.parent / "prod.pt2", "-o", target)
    assert replay(*arguments) == 0
    assert "request_id" in target.read_text()
    assert replay(*arguments) == 2
    assert "--overwrite" in capsys.readouterr().err


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


@pytest.mark.parametrize("command", ["run", "gate", "diagnose"])
@pytest.mark.parametrize("given", [(), ("--overwrite",)])
def test_overwrite_reaches_what_runs(
    command: str, given: tuple[str, ...], case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Also a job's, which is the same command."""
    seen: list[bool] = []

    def stops(*_: object, overwrite: bool, **__: object) -> None:
        seen.append(overwrite)
        raise UsageError("enough")

    monkeypatch.setattr("replay.flows.run.run", stops)
    monkeypatch.setattr("replay.flows.diagnose.diagnose", stops)
    monkeypatch.setattr("replay.flows.stages.session_prestart.prestart_session", lambda *_: None)
    gated = tmp_path / "gated.yaml"
    gated.write_text(f"{case.read_text()}gates: [{{variant: prod, against: online, metric: mismatch_rate, max: 1}}]\n")
    assert replay(command, gated, *given) == 2
    assert seen == [bool(given)]
