"""``replay gate OUTPUT``: from the files of the run alone, whatever the gates are about."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from replay.config import Gate
from replay.errors import UsageError
from replay.flows.finished import judge as module
from replay.flows.finished.judge import judge_output, judged
from replay.flows.options import Options
from tests.flows.finished.complete import GATE, SLICE, sample_data, state, write_complete, write_inputs
from tests.report import sample

BASELINE = {"variant": "candidate", "against": "baseline", "metric": "auc_drop", "slice": "surface=home", "max": 0.05}


def test_slices_and_changes_against_the_baseline_are_judged(tmp_path: Path):
    data = sample_data()
    drop = sample.metric("candidate", "auc_drop", 0.0625, 10, against="baseline", where="surface=home")
    path = write_inputs(tmp_path, gates=[GATE, SLICE, BASELINE], checkpoints__candidate={"path": "prod.pt2"})
    output = write_complete(path, data=replace(data, rows=(*data.rows, drop)))
    before = state(output)
    found = judge_output(str(output), Options()).summary.gates
    assert [gate.verdict for gate in found] == ["passed", "failed", "failed"]
    assert found[2].value == 0.0625
    del before["report.html"]  # rendered again
    assert before.items() <= state(output).items()


def test_an_output_of_an_earlier_version_is_judged_by_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_inputs(tmp_path, gates=[GATE])
    output = write_complete(path)
    report = json.loads((output / "report.json").read_text())
    del report["judgeable"]
    (output / "report.json").write_text(json.dumps(report))
    asked: list[str] = []

    def from_tables(output: str, options: Options) -> tuple[list[Gate], tuple[()]]:
        asked.append(output)
        return [Gate.model_validate({**GATE, "max": 3})], ()

    monkeypatch.setattr(module, "_from_tables", from_tables)
    assert [gate.max for gate in judge_output(str(output), Options()).summary.gates] == [3]
    assert asked == [str(output)]


def test_without_a_manifest_there_are_no_gates(tmp_path: Path):
    output = write_complete(write_inputs(tmp_path))
    (output / "manifest.json").unlink()
    with pytest.raises(UsageError, match=r"found no manifest\.json"):
        judge_output(str(output), Options())


def test_a_gate_that_is_no_longer_taken_is_refused_with_what_to_do(tmp_path: Path):
    output = write_complete(write_inputs(tmp_path))
    manifest = json.loads((output / "manifest.json").read_text())
    manifest["config"]["gates"] = [{**GATE, "bound": "low"}]
    (output / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match=r"less data there is.*run again"):
        judge_output(str(output), Options())


def test_only_the_gates_are_others():
    data = sample_data()
    found = judged(data, [Gate.model_validate(GATE)], data.rows)
    assert replace(found, summary=replace(found.summary, gates=())) == data
