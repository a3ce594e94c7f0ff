"""``replay demo``."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pyspark.sql import SparkSession

from replay.demo.training import encode
from tests.cli.command_line import replay
from tests.report import sample
from tests.report.audits.found import AUDIT


def test_the_demo_says_at_once_that_there_is_no_java(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "none"))
    assert replay("demo", tmp_path / "case") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: cannot run")
    assert "Spark needs Java 17 or 21" in line
    assert not (tmp_path / "case").exists()


@pytest.mark.parametrize("flags", [("--json",), ("--json", "--quiet")])
def test_as_json_it_is_one_summary_that_has_the_audits_too(
    flags: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    module = sys.modules["replay.cli.commands.demo"]
    data = sample.clean_data()
    audited = replace(data.summary, audits={"next_server": AUDIT})
    outputs: list[str | None] = []

    def audit_tables(config: Any, names: Any, *_: Any, **__: Any) -> Any:
        outputs.append(config.output)
        return SimpleNamespace(summary=audited, report_path="/r.html")

    monkeypatch.setattr(module, "java_problem", lambda: None)
    monkeypatch.setattr(module, "replay_config", lambda *_, **__: SimpleNamespace(data=data, summary=data.summary))
    monkeypatch.setattr(module, "start_spark", lambda *_: None)
    monkeypatch.setattr("replay.flows.audit.run.audit_tables", audit_tables)

    assert replay("demo", tmp_path / "case", "--rows", "1000", *flags) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["run_id"] == data.summary.run_id
    assert list(told["audits"]) == ["next_server"]
    assert outputs == [f"{tmp_path}/case/out-audit"]


@pytest.mark.spark
def test_the_demo_finds_its_incident_and_costs_what_is_not_served_as_plain_torch_does(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert replay("demo", tmp_path / "case", "--rows", "20000", "--seed", "3") == 0

    out = capsys.readouterr().out
    assert "as if family counts had been null" in " ".join(out.split())
    case = tmp_path / "case"
    assert f"$ replay audit {case}/replay.yaml --output {case}/out-audit" in out
    assert out.splitlines()[-1] == f"report    {case}/out-audit/report.html"
    summary = json.loads((case / "out-audit" / "summary.json").read_text())
    unserved, late = summary["audits"]["next_server"]["features"]
    assert (unserved["feature"], unserved["family"], unserved["kind"]) == ("match_score", "match", "not_served")
    assert (unserved["alarm"], late["feature"], late["alarm"]) == (True, "item_impressions_7d", False)
    assert [entry["slice"] for entry in unserved["slices"] if entry["coverage"]["there"] == 0] == ["surface=search"]
    verdict = json.loads((case / "out-audit" / "verdict.json").read_text())
    assert verdict["status"] == "passed"
    assert verdict["headline"] == (
        "1 of 15 features differs from shadow and matters: match_score (not served: no value in surface=search)."
    )

    logged, shadow = (pq.read_table(case / name) for name in ("data", "shadow"))
    for told in (unserved, late):
        changed = _cost(case / "model.pt2", logged, shadow, told["feature"])
        assert told["cost"]["mean_abs"] == pytest.approx(changed, rel=1e-4)


def _cost(model: Path, logged: pa.Table, there: pa.Table, feature: str) -> float:
    """Mean absolute change of the score when a feature's values are the other table's."""
    place = logged.schema.get_field_index(feature)
    swapped = logged.set_column(place, logged.schema.field(feature), there[feature])
    program = torch.export.load(model).module()
    with torch.inference_mode():
        scores = [torch.sigmoid(program(*encode(table))).double().numpy() for table in (logged, swapped)]
    return float(np.abs(scores[1] - scores[0]).mean())
