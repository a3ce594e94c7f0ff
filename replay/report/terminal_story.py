"""Incidents, skew matrix and sensitivity in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from replay.report.effect_view import LOSSES, family_lines, matrix_sentence, matrix_view
from replay.report.numerals import percent
from replay.report.story import (
    UNEXPLAINED,
    cause_words,
    cost_sentence,
    equivalent_sentence,
    incident_sentence,
    noise_sentence,
    ruled_out_sentence,
)
from replay.report.summary import Summary
from replay.report.verdicts import Cause, Incident

FAMILIES_SHOWN = 5

Line = tuple[str, str, str]
"""A label, what is said, and its style."""


def story_lines(summary: Summary) -> Iterator[Line]:
    """The story of a diagnosis, in order; nothing where none was made."""
    if summary.noise_floor is not None:
        yield "noise", noise_sentence(summary.noise_floor), ""
    for place, incident in enumerate(summary.incidents, start=1):
        if place > 1:  # the first is the headline
            yield f"incident {place}"[:9], incident_sentence(incident), "bold"
        yield from _incident(incident)


def _incident(incident: Incident) -> Iterator[Line]:
    for cause in incident.causes:
        yield "cause", _cause(cause), "bold"
        equivalent = equivalent_sentence(cause)
        if equivalent:
            yield "", equivalent, "dim"
    cost = cost_sentence(incident)
    if cost:
        yield "cost", cost, ""
    ruled_out = ruled_out_sentence(incident.ruled_out)
    if ruled_out:
        yield "not", ruled_out, "dim"
    command = next((cause.command for cause in incident.causes if cause.command), None)
    if command is not None:
        yield "verify", command, ""
    for row in incident.examples[:1]:
        yield "row", row.command, ""


def _cause(cause: Cause) -> str:
    words = f"{cause_words(cause)}: {percent(cause.share)} of the mismatched rows"
    if cause.kind == UNEXPLAINED:
        return f"{words} agree under no hypothesis that was tried"
    interval = ""
    if cause.explained_low is not None and cause.explained_high is not None:
        interval = f" (95% interval {percent(cause.explained_low)} to {percent(cause.explained_high)})"
    return f"{words}; replayed on {cause.rows_tested:,}, it explains {percent(cause.explained_rate)}{interval}"


def effect_lines(summary: Summary) -> Iterator[Line]:
    """The skew matrix and the families, where they were asked for."""
    matrix = summary.skew_matrix
    if matrix is not None:
        yield "skew", f"{matrix_sentence(matrix)} {LOSSES[matrix.metric]} by pairing:", ""
        view = matrix_view(matrix)
        width = max(12, *(len(column) for column in view.columns))
        first = max(len(name) for name in (view.rows_are, *(name for name, _ in view.lines)))
        yield "", f"{view.rows_are:<{first}}  " + "  ".join(f"{column:>{width}}" for column in view.columns), "dim"
        for name, cells in view.lines:
            yield "", f"{name:<{first}}  " + "  ".join(f"{cell.text:>{width}}" for cell in cells), ""
    for place, line in enumerate(family_lines(summary)[:FAMILIES_SHOWN]):
        metric = LOSSES[summary.sensitivity[0].metric]
        interval = f" ({line.interval})" if line.interval else ""
        yield "families" if place == 0 else "", f"{line.family} null: {metric} {line.value}{interval}", ""
