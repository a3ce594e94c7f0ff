"""``replay gate``: verdicts over a run of its own, and over a finished one, without scoring again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
import yaml
from pyspark.sql import SparkSession
from sklearn.metrics import roc_auc_score

from replay.cli.main import cli, execute
from tests.flows.case import ROWS, expected_scores, make_table, write_case

pytestmark = pytest.mark.spark

NULL = "prod/x2_null"
MISMATCH = {"variant": "prod", "against": "online", "metric": "mismatch_rate"}
GATES: list[dict[str, Any]] = [
    {**MISMATCH, "max": 0.05},  # 200 of 4,000 rows are wrong: a limit is inclusive
    {**MISMATCH, "max": 0.04},
    {**MISMATCH, "slice": "surface=home", "max": 0.9},
    {"variant": NULL, "against": "baseline", "metric": "auc_drop", "max": 0.9, "min_rows": ROWS + 1},
]


def replay(*arguments: object) -> int:
    return execute(cli, [str(argument) for argument in arguments])


def learnable() -> pa.Table:
    """Clicks that follow the score, so that a null feature costs AUC."""
    table = make_table()
    clicked = np.random.default_rng(5).random(ROWS) < expected_scores(table)
    return table.set_column(table.schema.get_field_index("label"), "label", pa.array(clicked.astype(np.int32)))


def without_x2(table: pa.Table) -> pa.Table:
    """The same with x2 as `missing` says."""
    return table.set_column(table.schema.get_field_index("x2"), "x2", pa.array(np.zeros(ROWS)))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scenarios = {"x2_null": [{"op": "nulls", "features": ["x2"]}]}
    return write_case(tmp_path_factory.mktemp("gate"), learnable(), scenarios=scenarios, gates=GATES)


@pytest.fixture(scope="module")
def gated(spark: SparkSession, config: Path) -> Path:
    """The first gate, which runs; the JUnit file that it wrote, in a directory that it made."""
    junit = config.parent / "ci" / "gates.xml"
    assert replay("gate", config, "--junit", junit, "--quiet") == 1
    return junit


def with_gates(config: Path, *gates: dict[str, Any]) -> Path:
    """The same config with other gates, beside it."""
    data = yaml.safe_load(config.read_text())
    other = config.with_name("other.yaml")
    other.write_text(yaml.safe_dump({**data, "gates": list(gates)}, sort_keys=False))
    return other


def verdicts(output: str) -> list[tuple[str, str]]:
    return [(gate["metric"], gate["verdict"]) for gate in json.loads(output)["gates"]]


EXPECTED = [
    ("mismatch_rate", "passed"),
    ("mismatch_rate", "failed"),
    ("mismatch_rate", "passed"),
    ("auc_drop", "undecided"),
]


def test_junit_tells_failed_from_undecided(gated: Path):
    suite = ElementTree.parse(gated).getroot()
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
    }
    kinds = [next(iter(case)).tag for case in suite]
    assert kinds == ["system-out", "failure", "system-out", "error"]
    assert "4,001" in str(suite[3][0].get("message"))


def test_the_run_that_a_gate_made_is_a_run_like_any(gated: Path, config: Path):
    summary = json.loads((config.parent / "out" / "summary.json").read_text())
    assert [(gate["metric"], gate["verdict"]) for gate in summary["gates"]] == EXPECTED
    table = learnable()
    label, clean, null = table["label"].to_numpy(), expected_scores(table), expected_scores(without_x2(table))
    drop = roc_auc_score(label, clean) - roc_auc_score(label, null)
    assert drop > 0.05
    assert summary["variants"][NULL]["vs_baseline"]["auc_drop"] == pytest.approx(drop, abs=1e-5)


def test_a_finished_run_is_judged_without_scoring(
    gated: Path, config: Path, spark: SparkSession, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("scored again")

    monkeypatch.setattr("replay.flows.run.replay_window", refuse)
    written = (config.parent / "out" / "summary.json").read_text()
    assert replay("gate", config.parent / "out", "--json") == 1
    captured = capsys.readouterr()
    assert verdicts(captured.out) == EXPECTED
    assert json.loads(captured.out) == json.loads(written)
    assert (config.parent / "out" / "summary.json").read_text() == written


def test_the_table_names_every_gate_and_why(gated: Path, config: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("gate", config.parent / "out") == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "2 of 4 gates passed, 1 failed, 1 undecided" in out
    assert "the gate wants 4,001" in out
    assert NULL in out


def test_a_dry_run_reports_and_exits_with_0(gated: Path, config: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("gate", config.parent / "out", "--dry-run") == 0
    assert "1 failed" in capsys.readouterr().out


@pytest.mark.parametrize("option", [("--set", "seed=3"), ("--output", "elsewhere"), ("--overwrite",)])
def test_a_finished_run_takes_no_option_of_a_run(
    config: Path, gated: Path, option: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    assert replay("gate", config.parent / "out", *option) == 2
    err = capsys.readouterr().err
    assert option[0] in err
    assert "CONFIG" in err


def test_other_gates_are_judged_over_the_scores_that_are_there(
    gated: Path, config: Path, spark: SparkSession, capsys: pytest.CaptureFixture[str]
):
    """All pass: exit code 0. The scores table gets no commit; `run` judges as `gate` does."""
    path = config.parent / "out" / "scores"
    before = spark.sql(f"DESCRIBE HISTORY delta.`{path}`").count()
    low = {"variant": NULL, "against": "baseline", "metric": "auc_drop", "min": 0.01, "bound": "low"}
    assert replay("gate", with_gates(config, GATES[0], low), "--json") == 0
    assert verdicts(capsys.readouterr().out) == [("mismatch_rate", "passed"), ("auc_drop", "passed")]
    assert spark.sql(f"DESCRIBE HISTORY delta.`{path}`").count() == before
    assert replay("run", with_gates(config, GATES[1]), "--quiet") == 1
    assert replay("run", config, "--quiet") == 1  # failed and undecided, as at first
    assert spark.sql(f"DESCRIBE HISTORY delta.`{path}`").count() == before


def test_a_change_of_quality_in_a_slice(
    gated: Path, config: Path, spark: SparkSession, capsys: pytest.CaptureFixture[str]
):
    table = learnable()
    home = np.array(table["surface"].to_pylist()) == "home"
    label = table["label"].to_numpy()[home]
    clean, null = (expected_scores(each)[home] for each in (table, without_x2(table)))
    drop = roc_auc_score(label, clean) - roc_auc_score(label, null)
    gate = {"variant": NULL, "against": "baseline", "metric": "auc_drop", "slice": "surface=home"}
    near = with_gates(config, {**gate, "max": drop + 1e-5, "min": drop - 1e-5}, {**gate, "max": drop - 1e-3})
    assert replay("gate", near, "--json") == 1
    assert verdicts(capsys.readouterr().out) == [("auc_drop", "passed"), ("auc_drop", "failed")]


def test_an_unknown_metric_is_an_error_with_its_line_and_the_nearest(
    gated: Path, config: Path, capsys: pytest.CaptureFixture[str]
):
    other = with_gates(config, GATES[0], {**MISMATCH, "metric": "mismatch_rat", "max": 1})
    assert replay("gate", other, "--quiet") == 2
    err = capsys.readouterr().err
    line = next(
        number
        for number, text in enumerate(other.read_text().splitlines(), 1)
        if "mismatch_rat" in text and "mismatch_rate" not in text
    )
    assert re.search(rf"other\.yaml:{line}:\d+: gates\[1\]\.metric", err)
    assert "did you mean `mismatch_rate`" in err


def test_an_unknown_variant_is_an_error_before_anything_runs(config: Path, capsys: pytest.CaptureFixture[str]):
    other = with_gates(config, {"variant": "prod/x2_nul", "metric": "auc", "min": 0.5})
    assert replay("gate", other, "--quiet") == 2
    assert NULL in capsys.readouterr().err


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        ({"variant": "prod", "metric": "kendall_tau", "against": "online", "min": 0.9}, "no metric of prod"),
        ({"variant": NULL, "metric": "auc_drop", "against": "online", "max": 0.1}, "not measured against online"),
        ({"variant": NULL, "metric": "mean_abs", "max": 0.1}, "give `against`"),
        ({**MISMATCH, "metric": "p99_abs", "slice": "surface=home", "max": 1}, "`p99_abs` is not measured by slice"),
    ],
)
def test_what_this_run_does_not_measure_is_told_before_it_scores(
    config: Path,
    spark: SparkSession,
    tmp_path: Path,
    gate: dict[str, Any],
    told: str,
    capsys: pytest.CaptureFixture[str],
):
    other = with_gates(config, GATES[0], gate)
    assert replay("gate", other, "--quiet", "--output", tmp_path / "out") == 2
    err = capsys.readouterr().err
    assert told in err
    assert "gates[1]" in err
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["verdict.json"]
    assert replay("gate", tmp_path / "out") == 2
    assert told in capsys.readouterr().out
    assert replay("validate", other, "--quiet") == 2


def test_a_config_without_gates_has_nothing_to_judge(gated: Path, config: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("gate", with_gates(config), "--quiet") == 2
    assert "`gates`" in capsys.readouterr().err


def test_a_place_for_junit_that_cannot_be_is_told_before_anything_runs(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("")
    assert replay("gate", config, "--junit", tmp_path / "file" / "gates.xml", "--output", tmp_path / "out") == 2
    assert replay("gate", config, "--junit", tmp_path, "--output", tmp_path / "out") == 2
    assert "--junit" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_no_run_cannot_be_judged(spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert replay("gate", tmp_path) == 2
    assert "finished run" in capsys.readouterr().err
