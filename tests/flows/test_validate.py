"""``replay validate``: what it says of a config that fits, and in which order it looks."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from replay.config import ReplayConfig, build_config
from replay.errors import ConfigError, Problem
from replay.flows import validate as module
from replay.flows.options import Options
from replay.flows.validate import Validated, validate
from replay.rehearsal import check_contract, rehearse
from replay.rehearsal.scores import Agreement
from replay.report.words.rehearsal import rehearsal_warnings
from replay.traffic import DataFile, UnreadableFile
from tests.flows.case import config_data
from tests.rehearsal.cases import rows_of

ROWS = rows_of({"a": [1.0, 2.0], "label": [4, 1]}, [{"name": "x", "feature": "a"}])
REHEARSAL = rehearse(ROWS, check_contract(ROWS, lambda _: True))

FITS = Validated(
    rows=1_200,
    rows_read=4_000,
    reader="direct",
    reader_reason=None,
    writer="tasks",
    writer_reason=None,
    traffic={"format": "parquet", "rows": 4_000},
    checkpoints={
        "prod": {"format": "torch.export", "sha256": "a" * 64, "parameters": 1_234_567},
        "next": {"format": "onnx", "sha256": "b" * 64, "parameters": 13},
    },
    warnings=("checkpoint next: it is odd",),
    rehearsal=REHEARSAL,
)


def config(**changes: Any) -> ReplayConfig:
    return build_config(config_data(**changes), "/base")


def test_in_json_it_is_valid_beside_all_that_is_known():
    data = FITS.to_dict()
    assert list(data) == [
        "valid",
        "rows",
        "rows_read",
        "reader",
        "reader_reason",
        "writer",
        "writer_reason",
        "traffic",
        "checkpoints",
        "rehearsal",
        "fixes",
        "warnings",
    ]
    assert data["valid"] is True
    assert data["warnings"] == ["checkpoint next: it is odd"]
    assert json.loads(json.dumps(data)) == data


def test_on_a_terminal_it_says_first_that_it_does_not_reproduce_online():
    agreement = (Agreement("prod", False, 100, 49, 0),)
    checked = replace(FITS, rehearsal=replace(FITS.rehearsal, agreement=agreement))

    assert checked.render("replay.yaml").startswith("replay.yaml is valid, but does not reproduce online: 1,200 of")


def test_on_a_terminal_rows_checkpoints_and_warnings_have_a_line_each():
    assert FITS.render("replay.yaml").splitlines()[:6] == [
        "replay.yaml is valid: 1,200 of 4,000 rows, read by the direct reader",
        "  prod: torch.export, 1,234,567 parameters",
        "  next: onnx, 13 parameters",
        "warning: checkpoint next: it is odd",
        "",
        "Rehearsed on 2 rows:",
    ]


def test_why_only_spark_can_read_is_said():
    slow = replace(FITS, reader="spark", reader_reason="`traffic.columns.x`: only Spark computes `ln`")
    assert (
        slow.render("c").splitlines()[0].endswith("by the spark reader (`traffic.columns.x`: only Spark computes `ln`)")
    )


def test_why_only_spark_can_write_is_said():
    slow = replace(FITS, writer="spark", writer_reason="delta-rs does not commit to hdfs://")
    assert (
        "  the tables would be written by Spark (delta-rs does not commit to hdfs://)" in slow.render("c").splitlines()
    )


def test_what_a_run_would_reject_comes_first_and_is_told_once():
    rows = rows_of({"a": [1.0, None]}, [{"name": "x", "feature": "a"}])
    rehearsal = rehearse(rows, check_contract(rows, lambda _: True))
    refused = replace(FITS, rehearsal=rehearsal, warnings=(*FITS.warnings, *rehearsal_warnings(rehearsal)))
    assert refused.to_dict()["valid"] is False
    assert len(refused.to_dict()["warnings"]) == 2
    shown = refused.render("replay.yaml").splitlines()
    assert shown[:2] == [
        "replay.yaml is refused: 1 of 2 sampled rows (50%) would be rejected, and `engine.max_rejected` allows 1%",
        "1,200 of 4,000 rows, read by the direct reader",
    ]
    assert [line for line in shown if line.startswith("warning")] == ["warning: checkpoint next: it is odd"]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done, in order; a traffic and a checkpoint that fit."""
    done: list[str] = []
    prepared = SimpleNamespace(
        check=SimpleNamespace(rows_selected=3, rows_read=4, warnings=()),
        plan=SimpleNamespace(reader="spark", reason="it is a view"),
        traffic=SimpleNamespace(
            describe=lambda: {"format": "view"},
            unreadable=(UnreadableFile(DataFile("t/a", 5, None), "is damaged", 2),),
        ),
        checkpoints={"prod": SimpleNamespace(format="onnx", sha256="c", parameters=7)},
        preflight=SimpleNamespace(warnings=lambda: ["checkpoint prod: it is odd"]),
        config="config",
        spark=None,
        rehearsed=None,
        contract=None,
        all_null=("x3",),
        matches={},
        stamps=("checkpoint `prod` was stamped",),
    )

    def prepare(config: Any, options: Any, visit: Any, *, progress: Any, **asked: bool) -> Any:
        assert asked == {"check_keys": True, "rehearsing": True, "every_source": True}
        visit.callback(done.append, "left Spark")
        done.append(f"prepared with {options}")
        return prepared

    monkeypatch.setattr(module, "prepare", prepare)
    monkeypatch.setattr("replay.flows.early.refuse_missing", lambda *_, local_traffic: None)

    def draw(config: Any, checkpoints: Any, plan: Any, spark: Any, traffic: Any, selected: int) -> Any:
        assert (config, plan.reader, selected) == ("config", "spark", 3)
        done.append("drew rows")
        return ROWS

    monkeypatch.setattr(module, "draw_rehearsed", draw)
    monkeypatch.setattr(module, "check_rows", lambda rows, _: check_contract(rows, lambda _: True))
    monkeypatch.setattr(module, "check_gates", lambda _: done.append("checked the gates"))
    monkeypatch.setattr(module, "writing_problem", lambda *_: None)
    monkeypatch.setattr(module, "session_warnings", lambda session, reader: (f"lent, for the {reader} reader",))
    return done


def test_everything_is_prepared_and_the_gates_are_checked_while_spark_is_there(steps: list[str]):
    assert validate(config()) == Validated(
        rows=3,
        rows_read=4,
        reader="spark",
        reader_reason="it is a view",
        writer="tasks",
        writer_reason=None,
        traffic={"format": "view"},
        checkpoints={"prod": {"format": "onnx", "sha256": "c", "parameters": 7}},
        warnings=(
            "1 file cannot be read and is left out: t/a (rows unknown, counted as 2; is damaged)",
            "lent, for the spark reader",
            "checkpoint prod: it is odd",
            "x3 is null in every row",
            "checkpoint `prod` was stamped",
            "of the rehearsed rows, label 'label' is not 0/1: found 4 in 1 rows, in no quality metric; name a column "
            "that is 0 or 1, or compute one by `traffic.columns`",
        ),
        rehearsal=REHEARSAL,
    )
    assert steps == [f"prepared with {Options()}", "checked the gates", "drew rows", "left Spark"]


def test_a_metric_that_no_run_measures_is_told_before_anything_is_read(steps: list[str]):
    gates = [{"variant": "prod", "metric": name, "max": 1} for name in ("auc", "auc_dorp", "mismatchrate")]
    with pytest.raises(ConfigError) as caught:
        validate(config(gates=gates))
    assert [problem.path for problem in caught.value.problems] == ["gates[1].metric", "gates[2].metric"]
    assert steps == []


def test_a_measured_tolerance_without_a_time_is_told_before_anything_is_read(steps: list[str]):
    with pytest.raises(ConfigError) as caught:
        validate(config(diff__tolerance="auto", traffic__time=None))
    assert [problem.path for problem in caught.value.problems] == ["traffic.time"]
    assert steps == []


def test_a_gate_that_does_not_fit_ends_the_visit_too(steps: list[str], monkeypatch: pytest.MonkeyPatch):
    def refuse(_: Any) -> None:
        raise ConfigError([Problem("no such slice", "gates[0].slice")])

    monkeypatch.setattr(module, "check_gates", refuse)
    with pytest.raises(ConfigError, match="no such slice"):
        validate(config())
    assert steps[-1] == "left Spark"
