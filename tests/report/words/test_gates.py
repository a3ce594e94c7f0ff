"""Gates as rules, as evidence, and as JUnit XML."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from replay.config import AuditGate, Gate
from replay.report.summary import GateVerdict
from replay.report.words.gates import (
    audit_gates_note,
    gate_evidence,
    gate_rule,
    gates_counted,
    gates_sentence,
    render_junit,
)

AUC = GateVerdict("prod", None, "auc", 0.7, "passed", min=0.5, low=0.68, high=0.72, rows=1_000)


@pytest.mark.parametrize(
    ("gate", "rule"),
    [
        (AUC, "prod: auc ≥ 0.5"),
        (replace(AUC, max=0.9), "prod: auc ≥ 0.5 and ≤ 0.9"),
        (replace(AUC, bound="low", slice="country=NL"), "prod, country=NL: auc (low bound) ≥ 0.5"),
        (replace(AUC, against="online", min=None, max=1e-7), "prod against online: auc ≤ 1e-7"),
    ],
)
def test_a_rule_says_what_is_asked(gate, rule):
    assert gate_rule(gate) == rule


def test_evidence_is_the_interval_and_the_rows():
    assert gate_evidence(AUC) == "95%: 0.68 to 0.72, 1,000 rows"
    assert gate_evidence(replace(AUC, low=None)) == "1,000 rows"
    assert gate_evidence(replace(AUC, high=None, rows=None)) == ""


def test_junit_tells_failures_from_what_cannot_be_judged():
    verdicts = [
        AUC,
        replace(AUC, min=0.9, verdict="failed"),
        replace(AUC, verdict="undecided", reason="of 1,000 rows, and the gate wants 5,000"),
    ]
    suite = ElementTree.fromstring(render_junit(verdicts))
    assert {key: suite.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    passing, failing, undecided = suite.findall("testcase")
    assert passing.find("failure") is None
    assert passing.find("error") is None
    assert passing.findtext("system-out") == "measured 0.7"
    assert failing.find("failure") is not None
    error = undecided.find("error")
    assert error is not None
    assert "wants 5,000" in str(error.get("message"))
    assert failing.get("name") == "prod: auc ≥ 0.9"


def test_junit_can_be_read_whatever_a_slice_is_called():
    hostile = "home\x1b[2J\x00\x0b\ufffe\ud800"
    verdicts = [
        replace(AUC, variant=hostile, slice=hostile),
        replace(AUC, verdict="undecided", reason=f"no rows of {hostile}"),
    ]
    suite = ElementTree.fromstring(render_junit(verdicts, f"gates of {hostile}"))
    assert suite.get("name") == r"gates of home\x1b[2J\x00\x0b\ufffe\ud800"
    assert len(suite.findall("testcase")) == 2


def test_junit_of_a_run_that_did_not_come_to_its_end_has_one_error():
    suite = ElementTree.fromstring(render_junit((), ended="traffic: no such file"))
    assert (suite.get("tests"), suite.get("errors"), suite.get("failures")) == ("1", "1", "0")
    (case,) = suite.findall("testcase")
    error = case.find("error")
    assert error is not None
    assert error.get("message") == "traffic: no such file"


def test_gates_are_counted_and_the_first_failure_named():
    failed, undecided = replace(AUC, value=0.4, verdict="failed"), replace(AUC, verdict="undecided", reason="no rows")
    assert gates_counted([AUC, AUC]) == "2 of 2 gates passed"
    assert gates_sentence([AUC, AUC]) == "2 of 2 gates passed."
    assert gates_sentence([AUC, undecided, failed]) == (
        "1 of 3 gates passed, 1 failed, 1 undecided: prod: auc ≥ 0.5, measured 0.4."
    )
    assert gates_sentence([undecided]) == "The gate is undecided: prod: auc ≥ 0.5, undecided, no rows."


def test_gates_on_audits_are_said_to_be_judged_elsewhere():
    audit, variant = AuditGate(audit="a", metric="m", max=0), Gate(variant="prod", metric="auc", min=0)
    assert [*audit_gates_note([variant])] == []
    assert [*audit_gates_note([variant, audit, audit])] == [
        "2 of the 3 gates are on audits, which `replay audit` makes and judges: no verdict here is about them"
    ]
