"""Audits in a terminal."""

from __future__ import annotations

from dataclasses import replace

from replay.report.audits.lines import FEATURES_SHOWN, SCHEDULES_SHOWN, audit_lines
from replay.report.audits.words import schedule_sentence
from replay.report.terminal.render import render_audits, render_terminal
from tests.report import sample
from tests.report.audits.found import AUDIT, DAILY, HARMLESS, SOMEWHERE


def test_what_matters_is_bold_and_the_rest_dim():
    lines = list(audit_lines({"logging": AUDIT}))

    assert lines[0][0] == "audit"
    assert lines[0][2] == "bold"
    assert lines[1] == ("", "20 rows have no partner in served", "dim")
    assert lines[2][1] == "clicks_7d: older values, by 3 h, in 12% of the rows; " + (
        "NE +0.02 (0.01 to 0.03), the score changes by 0.03"
    )
    assert lines[3][2] == "dim"
    assert list(audit_lines({})) == []


def test_of_tables_that_are_not_joined_the_cost_is_told_and_no_rate():
    line = replace(HARMLESS, mismatch_rate=None, kind="shifted", details=None)
    told = list(audit_lines({"a": replace(AUDIT, joined=False, features=(line,))}))

    assert ("", "price: shifted; NE 0 (0 to 0), the score changes by 0", "dim") in told


def test_of_many_features_some_are_shown():
    many = replace(AUDIT, features=(HARMLESS,) * (FEATURES_SHOWN + 3))

    assert ("", "and 3 more, in the report", "dim") in list(audit_lines({"a": many}))


def test_schedules_come_with_the_scenario_that_replays_them():
    lines = list(audit_lines({"a": replace(AUDIT, schedules=(DAILY, SOMEWHERE))}))

    assert lines[-3:] == [
        ("", schedule_sentence(DAILY, "served"), ""),
        ("", "  under scenarios: logging_before_03: [{op: stale}]", "dim"),
        ("", schedule_sentence(SOMEWHERE, "served"), ""),
    ]
    many = list(audit_lines({"a": replace(AUDIT, schedules=(SOMEWHERE,) * (SCHEDULES_SHOWN + 2))}))
    assert many[-1] == ("", "and 2 more schedules, in the report", "dim")


def test_they_are_printed_with_the_run():
    data = sample.bare_data()
    data = replace(data, summary=replace(data.summary, audits={"logging": AUDIT}))

    assert "logging: 2 of 12 features differ from served" in render_terminal(data, width=110)


def test_they_are_printed_alone_with_where_the_report_is():
    data = sample.bare_data()
    lines = render_audits(replace(data.summary, audits={"logging": AUDIT}), "out/report.html", width=110).splitlines()

    assert (
        lines[0]
        == "audit     logging: 2 of 12 features differ from served, 1 matters; clicks_7d most (older values, by 3 h)."
    )
    assert lines[-1] == "report    out/report.html"
