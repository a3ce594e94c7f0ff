"""Incidents as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from replay.report.numerals import moment, number, percent
from replay.report.story import (
    UNEXPLAINED,
    cause_words,
    cost_sentence,
    equivalent_sentence,
    incident_sentence,
    ruled_out_sentence,
)
from replay.report.summary import Summary
from replay.report.verdicts import Cause, Incident


@dataclass(frozen=True)
class CauseLine:
    """A cause with its evidence."""

    words: str
    explained: str
    interval: str
    tested: str
    share: str
    share_of_one: float
    control: str
    equivalent: str
    command: str


@dataclass(frozen=True)
class RowLine:
    """A row to look at."""

    key: str
    time: str
    online: str
    replayed: str
    command: str


@dataclass(frozen=True)
class IncidentCard:
    """One incident."""

    number: int
    sentence: str
    cost: str
    causes: tuple[CauseLine, ...]
    ruled_out: str
    searched: str
    rows: tuple[RowLine, ...]


def incident_cards(summary: Summary) -> tuple[IncidentCard, ...]:
    """Tell each incident of a run."""
    return tuple(_card(place, found) for place, found in enumerate(summary.incidents, start=1))


def _card(place: int, incident: Incident) -> IncidentCard:
    searched = ""
    if incident.hypotheses:
        searched = f"{incident.hypotheses:,} hypotheses were replayed on {incident.rows_scored:,} scored rows."
    return IncidentCard(
        number=place,
        sentence=incident_sentence(incident),
        cost=cost_sentence(incident),
        causes=tuple(_cause(cause) for cause in incident.causes),
        ruled_out=ruled_out_sentence(incident.ruled_out),
        searched=searched,
        rows=tuple(
            RowLine(
                key=", ".join(f"{name}={value}" for name, value in row.key.items()),
                time=moment(row.time),
                online=number(row.online, 6),
                replayed=number(row.replayed, 6),
                command=row.command,
            )
            for row in incident.examples
        ),
    )


def _cause(cause: Cause) -> CauseLine:
    known = cause.kind != UNEXPLAINED
    low, high = cause.explained_low, cause.explained_high
    return CauseLine(
        words=cause_words(cause),
        explained=percent(cause.explained_rate) if known else "",
        interval=f"{percent(low)} to {percent(high)}" if known and low is not None and high is not None else "",
        tested=f"{cause.rows_tested:,}" if known else "",
        share=percent(cause.share),
        share_of_one=cause.share or 0.0,
        control=percent(cause.control_rate) if cause.control_rate is not None else "",
        equivalent=equivalent_sentence(cause),
        command=cause.command or "",
    )
