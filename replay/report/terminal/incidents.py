"""Incidents, skew matrix and sensitivity in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from replay.diagnosis.causes.cause import UNEXPLAINED
from replay.report.charts.families import family_ranking
from replay.report.charts.skew_matrix import SkewMatrixChart, skew_matrix_chart
from replay.report.summary import Cause, Incident, Summary
from replay.report.words.causes import cause_words, equivalent_sentence, windows_evidence
from replay.report.words.incidents import (
    cause_time,
    cost_sentence,
    incident_sentence,
    load_sentence,
    noise_sentence,
    ruled_out_sentence,
    story_of,
    story_sentence,
)
from replay.report.words.numbers import percent, percent_interval
from replay.report.words.standing import standing_sentence

COMMANDS = ("verify", "row")
"""Labels of lines that are to be pasted into a shell."""
PASTED = "pasted"
"""Label of lines that are to be pasted into the config, as they stand: nothing is before them."""
FAMILIES_SHOWN = 5
PAIRINGS_SHOWN = 5

Line = tuple[str, str, str]
"""A label, a text, and its style."""


def incident_lines(summary: Summary) -> Iterator[Line]:
    """The noise floor and the incidents; nothing without a diagnosis."""
    if summary.noise_floor is not None:
        yield "noise", noise_sentence(summary.noise_floor), ""
    for index, incident in enumerate(summary.incidents, start=1):
        story = story_of(summary.stories, index)
        if story is not None and index == story.incidents[0]:
            if index > 1:
                yield "story", story_sentence(story, summary.incidents), "bold"
        elif story is not None:
            yield "incident", f"{index}. As incident {story.incidents[0]}: {incident_sentence(incident)}", "dim"
            continue
        elif index > 1:  # the first is the headline
            yield "incident", f"{index}. {incident_sentence(incident)}", "bold"
        yield from _incident(incident)
    for place, standing in enumerate(summary.standing):
        if place or summary.incidents:  # without incidents the first is the headline
            yield "standing", standing_sentence(standing), "bold"
        equivalent = equivalent_sentence(standing.cause)
        if equivalent:
            yield "", equivalent, "dim"


def _incident(incident: Incident) -> Iterator[Line]:
    for cause in incident.causes:
        yield "cause", _cause(incident, cause), "bold"
        equivalent = equivalent_sentence(cause)
        if equivalent:
            yield "", equivalent, "dim"
        if cause.fix:
            yield "fix", "paste this into the config:", "bold"
            yield from ((PASTED, line, "") for line in cause.fix.splitlines())
    load = load_sentence(incident.load)
    if load:
        yield "load", load, ""
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


def _cause(incident: Incident, cause: Cause) -> str:
    when = f", {cause_time(incident, cause)}" if cause.windows else ""
    words = f"{cause_words(cause)}{when}: {percent(cause.share)} of the mismatched rows"
    if cause.kind == UNEXPLAINED:
        return f"{words} agree under no hypothesis that was tried"
    if cause.windows:
        return f"{words}; {windows_evidence(cause)}"
    interval = percent_interval(cause.explained_low, cause.explained_high)
    explained = f"{percent(cause.explained_rate)}{f' (95% interval {interval})' if interval else ''}"
    return f"{words}; replayed on {cause.rows_tested:,}, it explains {explained}"


def effect_lines(summary: Summary) -> Iterator[Line]:
    """The skew matrix and the families, where they were asked for."""
    matrix = skew_matrix_chart(summary)
    if matrix is not None:
        yield "skew", f"{matrix.sentence} {matrix.loss} by pairing:", ""
        yield from _matrix(matrix)
    ranking = family_ranking(summary)
    if ranking is not None:
        yield "families", ranking.sentence, ""
        shown = ranking.lines[:FAMILIES_SHOWN]
        names, values = (
            max(len(text) for text in column) for column in zip(*((a.family, a.value) for a in shown), strict=True)
        )
        for line in shown:
            interval = f"  ({line.interval})" if line.interval else ""
            yield "", f"{line.family:<{names}}  {line.value:>{values}}{interval}", ""
        if len(ranking.lines) > FAMILIES_SHOWN:
            yield "", f"and {len(ranking.lines) - FAMILIES_SHOWN} more, in the report", "dim"


def _matrix(chart: SkewMatrixChart) -> Iterator[Line]:
    """The pairings as a small table, the worst of a long list."""
    width = max(
        7, *(len(text) for text in (*chart.columns, *(cell.text for _, cells in chart.lines for cell in cells)))
    )
    lines = chart.lines if chart.columns_are else chart.lines[:PAIRINGS_SHOWN]
    head = f"{chart.rows_are} \\ {chart.columns_are}" if chart.columns_are else chart.rows_are
    first = max(len(name) for name in (head, *(name for name, _ in lines)))
    yield "", f"{head:<{first}}  " + "  ".join(f"{column:>{width}}" for column in chart.columns), "dim"
    for name, cells in lines:
        yield "", f"{name:<{first}}  " + "  ".join(f"{cell.text:>{width}}" for cell in cells), ""
    if len(chart.lines) > len(lines):
        yield "", f"and {len(chart.lines) - len(lines)} more pairings, in the report", "dim"
