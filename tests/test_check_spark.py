"""The check of another Spark runs the commands of the checkout, and sees what is wrong."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[1] / ".ci"


@pytest.fixture
def checking(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("check_spark", FOLDER / "check_spark.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_checkout_s_commands_are_run(checking: ModuleType, tmp_path: Path):
    (tmp_path / "gate.yaml").write_text("version: 2\n")
    checking.replay(tmp_path, "gate", "gate.yaml", ends_with=2)
    with pytest.raises(
        checking.CheckFailed, match=r"`replay gate x\.yaml` ended with 2, expected 0:\n(.|\n)*no such file"
    ):
        checking.replay(tmp_path, "gate", "x.yaml", ends_with=0)


@pytest.mark.parametrize(
    ("cause", "verdict", "problem"),
    [
        ("null_features", "failed", None),
        ("stale_features", "failed", "the demo's first incident is"),
        ("null_features", "passed", r"verdicts are \['passed'\], expected that it failed"),
    ],
)
def test_what_the_commands_leave_is_looked_at(
    cause: str, verdict: str, problem: str | None, checking: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    incident = {"segments": {"surface": "home"}, "causes": [{"kind": cause, "families": ["counts"]}]}
    left = {"demo": ("case/out", {"incidents": [incident]}), "gate": ("gated", {"gates": [{"verdict": verdict}]})}
    ran = []

    def replay(place: Path, command: str, *_: str, ends_with: int) -> None:
        ran.append((command, ends_with))
        output, summary = left[command]
        (place / output).mkdir(parents=True, exist_ok=True)
        (place / output / "summary.json").write_text(json.dumps(summary))
        (place / output / "report.html").write_text("<!doctype html>")

    audited: list[Path] = []
    monkeypatch.setattr(checking, "check_audit", audited.append)
    monkeypatch.setattr(checking, "replay", replay)
    if problem is None:
        checking.check(tmp_path)
        assert audited == [tmp_path / "case" / "out-audit"]
        assert ran == [("demo", 0), ("gate", 1), ("gate", 1)]
    else:
        with pytest.raises(checking.CheckFailed, match=problem):
            checking.check(tmp_path)


def test_a_failure_is_told_and_ends_with_1(
    checking: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert checking.main() == 1
    assert capsys.readouterr().err.startswith("`replay demo case` ended with 1, expected 0")
