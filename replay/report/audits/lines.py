"""Audits in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from replay.report.audits.words import (
    audit_sentence,
    cost_text,
    difference_text,
    explains_sentence,
    leakage_sentence,
    schedule_sentence,
    together_sentence,
)
from replay.report.summary.audits import AuditSummary, FeatureAudit
from replay.report.terminal.incidents import Line
from replay.report.words.numbers import count, percent

FEATURES_SHOWN = 10
SCHEDULES_SHOWN = 5


def audit_lines(audits: Mapping[str, AuditSummary]) -> Iterator[Line]:
    """What each audit found, the most costly differences first."""
    for name, audit in audits.items():
        yield "audit", audit_sentence(name, audit), "bold" if audit.alarms else ""
        if audit.unmatched.here:
            yield "", f"{count(audit.unmatched.here)} rows have no partner in {audit.against}", "dim"
        for feature in audit.features[:FEATURES_SHOWN]:
            yield "", _feature(feature), "" if feature.alarm else "dim"
        if len(audit.features) > FEATURES_SHOWN:
            yield "", f"and {len(audit.features) - FEATURES_SHOWN} more, in the report", "dim"
        for sentence in (together_sentence(audit), explains_sentence(audit), leakage_sentence(audit), *audit.notes):
            if sentence:
                yield "", sentence, ""
        yield from _schedules(audit)


def _schedules(audit: AuditSummary) -> Iterator[Line]:
    """What is computed once a day, and the scenario that replays it."""
    for schedule in audit.schedules[:SCHEDULES_SHOWN]:
        yield "", schedule_sentence(schedule, audit.against), ""
        if schedule.scenario is not None:
            yield "", f"  under scenarios: {schedule.scenario}", "dim"
    if len(audit.schedules) > SCHEDULES_SHOWN:
        yield "", f"and {len(audit.schedules) - SCHEDULES_SHOWN} more schedules, in the report", "dim"


def _feature(feature: FeatureAudit) -> str:
    rows = "" if feature.mismatch_rate is None else f" in {percent(feature.mismatch_rate)} of the rows"
    return f"{feature.feature}: {difference_text(feature, rows)}; {cost_text(feature.cost)}"
