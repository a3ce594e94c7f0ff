"""The verdict that a scheduler reads."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from replay.errors import CheckpointError, ConfigError, OutputConflict, Problem, RunFailed, TrafficError
from replay.report.run_verdict import RunVerdict, interrupted, status_of, verdict_of, verdict_of_error, verdict_schema
from replay.report.summary import GateVerdict, TimeRange
from replay.report.summary.data import ReportData
from replay.report.verdict import judge
from tests.report import sample
from tests.report.everything import everything_data
from tests.report.words.test_verification import FOUND as VERIFIED

FILE = Path(__file__).resolve().parents[2] / "schemas" / "verdict.schema.json"
KEYS = ["version", "status", "exit_code", "headline", "gates", "incidents", "report", "run_id", "window"]
PASSED = GateVerdict("prod", "online", "mismatch_rate", 0.0, "passed", max=0.1)
FAILED = replace(PASSED, value=0.5, verdict="failed")
UNDECIDED = replace(PASSED, value=None, verdict="undecided", reason="no rows")
HOUR = TimeRange(datetime(2026, 11, 20, 9, tzinfo=UTC), datetime(2026, 11, 20, 10, tzinfo=UTC))


def data(*gates: GateVerdict, **more: Any) -> ReportData:
    found = sample.burst_data()
    return replace(found, summary=replace(found.summary, gates=gates, **more))


def validated(verdict: RunVerdict) -> dict[str, Any]:
    """As its file holds it, which the schema describes and which reads back."""
    written = json.loads(verdict.to_json())
    jsonschema.Draft202012Validator(verdict_schema()).validate(written)
    assert RunVerdict.from_json(verdict.to_json()) == verdict
    assert list(written) == KEYS
    return written


def test_the_file_of_the_schema_is_what_the_code_says():
    assert FILE.read_text(encoding="utf-8") == json.dumps(verdict_schema(), indent=2) + "\n", "run `make schemas`"
    assert verdict_schema()["required"] == [*KEYS[1:], "version"]


@pytest.mark.parametrize(
    ("gates", "status", "code"),
    [
        ((), "passed", 0),
        ((PASSED,), "passed", 0),
        ((PASSED, FAILED, UNDECIDED), "failed", 1),
        ((PASSED, UNDECIDED), "undecided", 1),
    ],
)
def test_gates_decide(gates: tuple[GateVerdict, ...], status: str, code: int):
    run = data(*gates)
    written = validated(verdict_of(run, "/out/report.html"))
    assert (written["status"], written["exit_code"]) == (status, code)
    assert (written["report"], written["run_id"]) == ("/out/report.html", run.summary.run_id)
    assert written["gates"] == run.summary.to_dict()["gates"]
    assert written["headline"].endswith(judge(run).headline)


def test_a_run_that_gives_no_verdict_is_refused_and_has_its_report():
    verdict = verdict_of(data(UNDECIDED, refused="5% of the rows are rejected"), "/out/report.html")
    assert (verdict.status, verdict.exit_code, verdict.has_results) == ("refused", 3, True)
    assert verdict.headline == "No verdict: 5% of the rows are rejected."


def test_incidents_are_those_of_the_summary():
    run = everything_data()
    written = validated(verdict_of(run, "/out/report.html"))
    assert written["incidents"] == run.summary.to_dict()["incidents"]
    assert written["incidents"]


@pytest.mark.parametrize(("holds", "status", "code"), [(True, "passed", 0), (False, "failed", 1)])
def test_a_cause_that_does_not_hold_fails(holds: bool, status: str, code: int):
    check = replace(VERIFIED.check, holds=holds)
    assert status_of(data(verification=replace(VERIFIED, causes=(check,))).summary) == (status, code)


@pytest.mark.parametrize(
    ("error", "status", "code", "headline"),
    [
        (ConfigError([Problem("found 5", "seed", 3)], "a.yaml"), "refused", 2, "a.yaml:3: seed: found 5"),
        (
            ConfigError([Problem("found 5", "seed", 3), Problem("x"), Problem("y")], "a.yaml"),
            "refused",
            2,
            "a.yaml:3: seed: found 5 (and 2 more problems)",
        ),
        (OutputConflict("two\nlines"), "refused", 2, "two lines"),
        (TrafficError("gone"), "refused", 3, "gone"),
        (CheckpointError("x" * 600), "refused", 3, "x" * 497 + "..."),
        (RunFailed("full"), "error", 4, "full"),
        (KeyError("a"), "error", 4, "this is a bug in replay: KeyError: 'a'"),
    ],
)
def test_what_ends_a_run_is_told_in_one_line(error: Exception, status: str, code: int, headline: str):
    written = validated(verdict_of_error(error, None, HOUR))
    assert (written["status"], written["exit_code"], written["headline"]) == (status, code, headline)
    assert (written["report"], written["run_id"]) == (None, None)
    assert written["window"] == {"start": "2026-11-20T09:00:00Z", "end": "2026-11-20T10:00:00Z"}


def test_an_interrupt_says_whether_anything_is_kept():
    assert validated(interrupted(143, None, None))["headline"] == "The run was interrupted."
    written = validated(interrupted(130, "r1", None))
    assert (written["status"], written["exit_code"]) == ("interrupted", 130)
    assert written["headline"].endswith("the same command goes on from there.")


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"version": 2}', '{"version": 1, "status": "fine"}'])
def test_what_is_no_verdict_is_none(text: str | None):
    assert RunVerdict.from_json(text) is None
