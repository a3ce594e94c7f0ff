"""A run in a few lines: what a program that asked for it prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from replay.report.audits.words import audit_sentence
from replay.report.summary import GateVerdict, Summary
from replay.report.words.gates import gate_rule
from replay.report.words.numbers import count, number, percent
from replay.report.words.standing import standing_line
from replay.report.words.verification import verification_sentence

_LABEL = 12
_MOST_INCIDENTS = 5
_VERDICTS = ("passed", "failed", "undecided")


def brief_lines(summary: Summary, report_path: str) -> list[str]:
    """Say what a run found: rows, the baseline against online, incidents, gates, and where its report is.

    Args:
        summary: Of the run.
        report_path: Where its HTML report is.

    Returns:
        Lines without their ends.
    """
    return [f"{label:<{_LABEL}}{text}" for label, text in _lines(summary, report_path)]


def _lines(summary: Summary, report_path: str) -> Iterator[tuple[str, str]]:
    yield "run", f"{summary.run_id} of {summary.output or 'an output'}"
    yield "rows", rows_text(summary)
    yield "online", online_text(summary)
    if summary.verification is not None:
        yield "cause", verification_sentence(summary.verification)
    yield from (("audit", audit_sentence(name, audit)) for name, audit in (summary.audits or {}).items())
    for place, incident in enumerate(summary.incidents[:_MOST_INCIDENTS], start=1):
        yield f"incident {place}" if place < 10 else "incident", str(incident)
    if len(summary.incidents) > _MOST_INCIDENTS:
        yield "", f"and {len(summary.incidents) - _MOST_INCIDENTS} more, in the report"
    if summary.diagnosed and not summary.incidents:
        yield "incidents", "none found"
    for standing in summary.standing:
        yield "standing", standing_line(standing)
    if summary.gates:
        yield "gates", gate_counts(summary.gates)
        for gate in summary.gates:
            if gate.verdict != "passed":
                yield "", f"{gate.verdict}: {gate_rule(gate)}, measured {number(gate.value)}"
    for warning in summary.warnings:
        yield "warning", warning
    yield "report", report_path


def rows_text(summary: Summary) -> str:
    """How many rows were scored, and how many were not."""
    rejected = sum(summary.reconciliation.rejected.values())
    refused = f", {count(rejected)} rejected" if rejected else ""
    return f"{count(summary.reconciliation.scored)} scored{refused}"


def online_text(summary: Summary) -> str:
    """How far the baseline is from online."""
    variant = summary.variants.get(summary.baseline)
    online = None if variant is None else variant.vs_online
    if online is None or not online.compared:
        return f"{summary.baseline} could not be compared"
    differ = f"{count(online.mismatched)} of {count(online.compared)} rows ({percent(online.mismatch_rate)}) differ"
    return f"{differ} from {summary.baseline}" if online.mismatched else f"no row differs from {summary.baseline}"


def gate_counts(gates: Sequence[GateVerdict]) -> str:
    """How many gates there are, and how they were judged.

    >>> gate = GateVerdict("prod", "online", "mismatch_rate", 0.0, "passed", max=0.001)
    >>> gate_counts([gate]), gate_counts([gate, gate])
    ('1 passed', '2 passed')
    """
    counts = Counter[str](gate.verdict for gate in gates)
    return ", ".join(f"{counts[name]} {name}" for name in _VERDICTS if counts[name])
