"""The check of the wheel sees what is wrong, and leaves nothing behind."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[1] / ".ci" / "check_wheel.py"


@pytest.fixture(scope="module")
def checking() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_wheel", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def installed(checking: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An environment without a wheel, whose programs are scripts."""
    monkeypatch.setenv("PYTHONPATH", "/checkout")
    monkeypatch.setenv("SPARK_HOME", "/opt/spark")
    monkeypatch.setenv("JAVA_HOME", "/opt/java")
    monkeypatch.setattr(checking.venv, "create", lambda root, **_: (root / "bin").mkdir(parents=True))
    monkeypatch.setattr(checking.Installation, "run", lambda *_, **__: None)
    made = checking.Installation(tmp_path, tmp_path / "a.whl")
    monkeypatch.undo()
    return made


def script(installed: Any, text: str) -> None:
    program = installed.root / "bin" / "replay"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


def test_programs_run_elsewhere_and_without_the_callers_python(installed):
    script(installed, 'echo "$PWD|$PYTHONPATH|$SPARK_HOME|$JAVA_HOME|$1|${PATH%%:*}"')

    said = installed.run("replay", "demo").stdout.strip().split("|")
    assert said == [str(installed.work), "", "", "/opt/java", "demo", str(installed.root / "bin")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("echo it broke >&2; exit 4", "`replay run` ended with 4:\n\nit broke"),
        ("echo 'x.py:1: FutureWarning: old' >&2", "`replay run` warns"),
    ],
)
def test_a_failure_and_a_warning_are_told(checking, installed, text, problem):
    script(installed, text)

    with pytest.raises(checking.CheckFailed, match=problem):
        installed.run("replay", "run")


def test_a_failure_may_be_expected(checking, installed):
    script(installed, "echo no Spark >&2; exit 2")

    assert installed.run("replay", "demo", ends_with=2).stderr == "no Spark\n"
    with pytest.raises(checking.CheckFailed, match="ended with 2"):
        installed.run("replay", "demo", ends_with=4)


def test_what_does_not_end_is_told(checking, installed):
    script(installed, "exec sleep 60")

    with pytest.raises(checking.CheckFailed, match="`replay run` did not end within 0 s"):
        installed.run("replay", "run", limit=0.1)


CAUSE = {"kind": "null_features", "families": ["counts"]}


def write_output(place: Path, incidents: list[dict[str, Any]], page: str = "<!doctype html>\n") -> Path:
    (place / "summary.json").write_text(json.dumps({"rows": 1, "incidents": incidents}))
    (place / "report.html").write_text(page)
    return place


def test_the_demo_is_what_the_readme_says(checking, tmp_path):
    checking.check_demo(write_output(tmp_path, [{"segments": {"surface": "home"}, "causes": [CAUSE]}]))


@pytest.mark.parametrize(
    ("incidents", "page", "problem"),
    [
        ([], "<!doctype html>", "tells of no incident"),
        ([{"segments": {"surface": "home"}, "causes": [{**CAUSE, "families": ["history"]}]}], "", "history"),
        ([{"segments": {"surface": "home"}, "causes": [{**CAUSE, "kind": "unexplained"}]}], "", "unexplained"),
        ([{"segments": {}, "causes": [CAUSE]}], "", "first incident is"),
        ([{"segments": {"surface": "home"}, "causes": [CAUSE]}], "", "is no page"),
    ],
)
def test_another_answer_is_told(checking, tmp_path, incidents, page, problem):
    with pytest.raises(checking.CheckFailed, match=problem):
        checking.check_demo(write_output(tmp_path, incidents, page))


UNSERVED = {
    "feature": "match_score",
    "kind": "not_served",
    "alarm": True,
    "slices": [
        {"slice": "surface=search", "coverage": {"there": 0.0}},
        {"slice": "country=US", "coverage": {"there": 0.8}},
    ],
}
LATE = {"feature": "item_impressions_7d", "kind": "shifted", "alarm": False, "slices": []}


def write_audit(place: Path, features: list[dict[str, Any]]) -> Path:
    (place / "summary.json").write_text(json.dumps({"audits": {"next_server": {"features": features}}}))
    (place / "report.html").write_text("<!doctype html>\n")
    return place


def test_the_audit_of_the_demo_is_what_the_readme_says(checking, tmp_path):
    checking.check_audit(write_audit(tmp_path, [UNSERVED, LATE]))


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        ([UNSERVED], "the demo's audit finds"),
        ([LATE, UNSERVED], "the demo's audit finds"),
        ([UNSERVED, {**LATE, "alarm": True}], "the demo's audit finds"),
        ([{**UNSERVED, "slices": []}, LATE], r"not served in \[\]"),
    ],
)
def test_another_audit_is_told(checking, tmp_path, features, problem):
    with pytest.raises(checking.CheckFailed, match=problem):
        checking.check_audit(write_audit(tmp_path, features))


def test_a_run_that_did_not_end_is_told(checking, tmp_path):
    with pytest.raises(checking.CheckFailed, match="did not end"):
        checking.check_demo(tmp_path)


def test_a_directory_in_the_checkout_is_refused(checking):
    """From there the package could be imported without having been installed."""
    with pytest.raises(checking.CheckFailed, match="lies in the checkout"):
        checking.check(FILE.parent / "place", FILE)


def test_nothing_is_left_where_the_wheel_cannot_be_installed(checking, tmp_path, monkeypatch, capsys):
    """Through the real venv and pip."""
    wheel, temporary = tmp_path / "replay_engine-1-py3-none-any.whl", tmp_path / "tmp"
    wheel.write_text("no archive")
    temporary.mkdir()
    monkeypatch.setattr(checking.tempfile, "tempdir", str(temporary))

    assert checking.main([str(wheel)]) == 1
    assert "pip install" in capsys.readouterr().err
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["none.whl"], ["a.whl", "b.whl"]])
def test_one_wheel_is_expected(checking, arguments, capsys):
    assert checking.main(arguments) == 2
    assert "expected the path of one wheel" in capsys.readouterr().err
