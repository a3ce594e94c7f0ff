"""A run in a few lines."""

from __future__ import annotations

from dataclasses import replace

from replay.report.audits.words import audit_sentence
from replay.report.summary import GateVerdict
from replay.report.words.brief import brief_lines, gate_counts, online_text, rows_text
from tests.report import sample
from tests.report.audits.found import AUDIT
from tests.report.everything import everything_data


def labels(lines: list[str]) -> list[str]:
    return [line[:12].strip() for line in lines]


def test_everything_that_a_run_found():
    summary = everything_data().summary
    lines = brief_lines(summary, "out/report.html")
    assert labels(lines) == [
        *("run", "rows", "online", "incident 1", "incident 2", "gates", "", "", "warning", "report")
    ]
    assert lines[1] == "rows        200,000 scored, 118 rejected"
    assert lines[3] == f"incident 1  {summary.incidents[0]}"
    assert lines[5] == "gates       1 passed, 1 failed, 1 undecided"
    assert lines[6] == "            failed: prod against online: mismatch_rate ≤ 0.001, measured 0.0216"
    assert lines[-1] == "report      out/report.html"


def test_a_run_that_was_only_replayed_says_nothing_of_incidents():
    summary = sample.clean_data().summary
    assert "incidents" not in labels(brief_lines(summary, "r"))
    assert "incidents   none found" in brief_lines(replace(summary, diagnosed=True), "r")


def test_many_incidents_are_counted():
    summary = everything_data().summary
    lines = brief_lines(replace(summary, incidents=summary.incidents[:1] * 12), "r")
    assert labels(lines)[3:9] == [*(f"incident {place}" for place in range(1, 6)), ""]
    assert lines[8] == "            and 7 more, in the report"


def test_rows_and_the_baseline():
    burst = sample.burst_data().summary
    assert online_text(burst) == "4,324 of 200,000 rows (2.2%) differ from prod"
    assert online_text(sample.clean_data().summary) == "no row differs from prod"
    assert online_text(replace(burst, baseline="gone")) == "gone could not be compared"
    assert rows_text(replace(burst, reconciliation=replace(burst.reconciliation, rejected={}))) == "200,000 scored"


def test_gates_are_counted_by_verdict():
    def gate(verdict):
        return GateVerdict("prod", "online", "mismatch_rate", 0.0, verdict, max=0.001)

    assert gate_counts([gate("undecided"), gate("passed"), gate("passed")]) == "2 passed, 1 undecided"


def test_audits_are_told():
    lines = brief_lines(replace(sample.clean_data().summary, audits={"logging": AUDIT}), "r")
    assert lines[3] == f"audit       {audit_sentence('logging', AUDIT)}"
