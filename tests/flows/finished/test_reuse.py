"""A complete run as the answer to a second call."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from replay.config import load_config
from replay.errors import ConfigError
from replay.flows.finished.result import RunResult
from replay.flows.finished.reuse import reuse
from replay.flows.options import Options
from replay.store import OutputDirectory, open_storage
from tests.flows.finished.complete import GATE, SLICE, sample_data, state, write_commit, write_complete, write_inputs


def again(path: Path, *overrides: str, diagnosing: bool = False) -> RunResult | None:
    config = load_config(path, overrides)
    manifest = OutputDirectory(open_storage(config.output)).manifest()
    assert manifest is not None
    return reuse(config, Options(), manifest, diagnosing=diagnosing)


def verdicts(found: RunResult | None) -> list[str]:
    assert found is not None
    return [gate.verdict for gate in found.summary.gates]


def test_other_gates_replace_the_verdicts_and_nothing_else(tmp_path: Path):
    output = write_complete(write_inputs(tmp_path))
    before = json.loads((output / "summary.json").read_text())
    found = again(write_inputs(tmp_path, gates=[GATE, SLICE]))
    assert verdicts(found) == ["passed", "failed"]
    written = json.loads((output / "summary.json").read_text())
    assert [gate["verdict"] for gate in written["gates"]] == ["passed", "failed"]
    assert {**written, "gates": []} == before
    manifest = json.loads((output / "manifest.json").read_text())
    assert [gate["max"] for gate in manifest["config"]["gates"]] == [200_000.0, 0.0]
    after = state(output)
    assert verdicts(again(tmp_path / "replay.yaml")) == ["passed", "failed"]
    assert state(output) == after


def test_a_gate_on_what_the_run_does_not_have_is_a_problem_of_the_config(tmp_path: Path):
    write_complete(write_inputs(tmp_path))
    path = write_inputs(tmp_path, gates=[{**GATE, "slice": "planet=mars"}])
    with pytest.raises(ConfigError, match=r"gates\[0\].slice"):
        again(path)


def test_another_search_is_no_answer_to_a_diagnosis(tmp_path: Path):
    path = write_inputs(tmp_path)
    write_complete(path, diagnosed=True)
    assert again(path, diagnosing=True) is not None
    assert again(path, "diagnosis.budget=5", diagnosing=True) is None
    assert again(path, "diagnosis.budget=5") is not None


def test_a_report_that_is_gone_is_made_again(tmp_path: Path):
    path = write_inputs(tmp_path)
    output = write_complete(path)
    page = (output / "report.html").read_text()
    (output / "report.html").unlink()
    assert again(path) is not None
    assert (output / "report.html").read_text() == page


@pytest.mark.parametrize("gone", ["summary.json", "report.json"])
def test_without_its_results_it_is_no_answer(tmp_path: Path, gone: str):
    path = write_inputs(tmp_path)
    (write_complete(path) / gone).unlink()
    assert again(path) is None


def test_tables_that_something_else_wrote_to_are_no_answer(tmp_path: Path):
    path = write_inputs(tmp_path)
    output = write_complete(path)
    write_commit(output / "scores", 1)
    assert again(path) is None


@pytest.mark.parametrize(
    "earlier", [{"allowed": {}}, {"packages": {"python": "2.7"}}], ids=["no record of what was allowed", "packages"]
)
def test_a_run_of_an_earlier_version_is_looked_at_by_spark(tmp_path: Path, earlier: dict[str, Any]):
    path = write_inputs(tmp_path)
    write_complete(path, **earlier)
    assert again(path) is None
    write_complete(path, data=replace(sample_data(), judgeable=False))
    assert again(path) is None
