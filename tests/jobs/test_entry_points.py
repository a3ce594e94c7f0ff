"""Each file under jobs/ is one command: its arguments reach it, and its exit code comes back."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.flows.finished.complete import write_inputs
from tests.flows.pair import write_pair

JOBS = Path(__file__).resolve().parents[2] / "jobs"


def submit(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: object) -> int:
    """Run a job as spark-submit does, in this process."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(JOBS / name), run_name="__main__")
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of a model with two modules; one gate that fails."""
    gate = {"variant": "v1", "against": "online", "metric": "mismatch_rate", "max": 0.0}
    return write_pair(tmp_path_factory.mktemp("jobs"), gates=[gate])


@pytest.mark.spark
def test_a_robustness_gate_that_fails_exits_with_1_and_writes_junit(
    spark: SparkSession, case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    junit = case.parent / "gates.xml"
    assert submit(monkeypatch, "robustness_gate.py", "--junit", junit, "--config", case, "--quiet") == 1
    assert 'failures="1"' in junit.read_text()
    finished = case.parent / "out"
    assert submit(monkeypatch, "robustness_gate.py", "--dry-run", "--config", finished, "--quiet") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.spark
def test_a_skew_matrix_of_the_modules_that_it_is_given(
    spark: SparkSession, case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    options = ("--json", "--quiet", "--output", case.parent / "skew", "--set", "gates=[]")
    assert submit(monkeypatch, "skew_matrix.py", f"--config={case}", "q=v1,v2", "i=v1,v2", *options) == 0
    cells = json.loads(capsys.readouterr().out)["skew_matrix"]["cells"]
    assert {cell["variant"] for cell in cells} == {"v1", "v2", "q.v1+i.v2", "q.v2+i.v1"}
    # By the config's own section it is the same run.
    section = 'skew_matrix={"modules": {"q": ["v1", "v2"], "i": ["v1", "v2"]}}'
    assert submit(monkeypatch, "skew_matrix.py", "--config", case, *options, "--set", section) == 0
    assert json.loads(capsys.readouterr().out)["skew_matrix"]["cells"] == cells


def test_a_skew_matrix_of_nothing_is_wrong_usage(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert submit(monkeypatch, "skew_matrix.py", "--config", case) == 2
    assert "has no `skew_matrix`" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["robustness_gate.py", "skew_matrix.py", "diagnose.py", "replay_window.py", "contract.py"]
)
def test_a_config_that_is_not_there_is_wrong_usage(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert submit(monkeypatch, name, "--config", tmp_path / "nothing.yaml") == 2
    assert "nothing.yaml" in capsys.readouterr().err


def test_a_backfill_takes_its_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    path = write_inputs(tmp_path, output="out/{window.start:%H}")
    hours = ("--from", "2026-11-20T09:00", "--to", "2026-11-20T09:30", "--every", "1h")
    assert submit(monkeypatch, "backfill.py", f"--config={path}", *hours) == 2
    assert "0 windows of 1h and a part of one" in capsys.readouterr().err


def test_diagnose_takes_its_budget(case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    assert submit(monkeypatch, "diagnose.py", "--config", case, "--budget", 0) == 2
    assert "--budget" in capsys.readouterr().err


def test_a_contract_is_fingerprinted_and_compared(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert submit(monkeypatch, "contract.py", "--config", case, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["checkpoint"], len(told["sha256"]), told["differs"]) == ("v1", 64, False)
    other = case.parent / "other.yaml"
    other.write_text(case.read_text().replace("transform: sigmoid", "transform: none"))
    assert submit(monkeypatch, "contract.py", "--config", case, "--against", other, "--no-replay", "--quiet") == 1
