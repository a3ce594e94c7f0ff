"""Incidents with their causes, cost and example rows."""

from __future__ import annotations

from dataclasses import dataclass

from replay.diagnosis.causes.cause import UNEXPLAINED
from replay.report.summary import Cause, Incident, Summary
from replay.report.words.causes import cause_words
from replay.report.words.incidents import (
    can_be_told,
    equivalent_sentence,
    incident_sentence,
    ruled_out_sentence,
    slice_words,
)
from replay.report.words.losses import costs
from replay.report.words.numbers import count, interval_text, moment, number, percent, percent_interval, seconds, signed


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
    note: str
    command: str


@dataclass(frozen=True)
class CostLine:
    """What the incident cost by one metric, and the share of it that each cause explains."""

    metric: str
    loss: str
    interval: str
    certain: bool
    shares: tuple[str, ...]


@dataclass(frozen=True)
class CostTable:
    """The cost, with a column for each known cause."""

    causes: tuple[str, ...]
    lines: tuple[CostLine, ...]


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
    facts: tuple[tuple[str, str], ...]
    cost: CostTable | None
    causes: tuple[CauseLine, ...]
    ruled_out: str
    searched: str
    rows: tuple[RowLine, ...]


@dataclass(frozen=True)
class IncidentCards:
    """All incidents; none where they were searched for and not found."""

    cards: tuple[IncidentCard, ...]


def incident_cards(summary: Summary) -> IncidentCards | None:
    """Lay out the incidents of a run; None where none were searched for."""
    if not summary.diagnosed and not summary.incidents:
        return None
    return IncidentCards(tuple(_card(index, incident) for index, incident in enumerate(summary.incidents, start=1)))


def _card(index: int, incident: Incident) -> IncidentCard:
    searched = ""
    if incident.hypotheses:
        searched = f"{incident.hypotheses:,} hypotheses were replayed on {incident.rows_scored:,} scored rows."
    return IncidentCard(
        number=index,
        sentence=incident_sentence(incident),
        facts=_facts(incident),
        cost=_cost_table(incident),
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


def _facts(incident: Incident) -> tuple[tuple[str, str], ...]:
    """When, how long, who, how many."""
    lasted = (incident.end - incident.start).total_seconds()
    listed = (
        ("From", f"{moment(incident.start)} UTC"),
        ("To", "the end of the window" if incident.permanent else f"{moment(incident.end)} UTC"),
        ("Length", seconds(lasted) + (", sets in gradually" if incident.gradual else "")),
        ("Who", slice_words(incident) or "all rows"),
        ("Rows inside", count(incident.rows)),
        ("Beyond the tolerance", f"{count(incident.mismatched)} ({percent(incident.mismatch_rate)})"),
        (
            "Mean difference",
            "" if incident.mean_delta is None else f"{signed(incident.mean_delta, 3)} (replayed less online)",
        ),
        ("Chance of so much in a clean run", "" if incident.p_value is None else _chance(incident.p_value)),
    )
    return tuple((label, value) for label, value in listed if value)


def _chance(p_value: float) -> str:
    return "under 1 in a million" if p_value < 1e-6 else percent(p_value)


def _cost_table(incident: Incident) -> CostTable | None:
    """The cost by metric; None without a label."""
    certain = any(can_be_told(found) for found in incident.loss.values())
    known = [cause for cause in incident.causes if cause.loss and certain]
    lines = []
    for name, metric in costs().items():
        found = incident.loss.get(name)
        if found is None or found.value is None or metric.change is None:
            continue
        shares = [(cause.loss or {}).get(metric.name) if can_be_told(found) else None for cause in known]
        lines.append(
            CostLine(
                metric=metric.change.label,
                loss=signed(found.value, 3),
                interval=interval_text(found.low, found.high),
                certain=can_be_told(found),
                shares=tuple(_share(share) for share in shares),
            )
        )
    return CostTable(tuple(cause_words(cause) for cause in known), tuple(lines)) if lines else None


def _share(share: float | None) -> str:
    """A share of the loss; repairing one cause alone may overshoot, or make it worse."""
    if share is None:
        return ""
    if share < 0:
        return "none"
    return percent(share) if share <= 1 else "more than all"


def _cause(cause: Cause) -> CauseLine:
    known = cause.kind != UNEXPLAINED
    return CauseLine(
        words=cause_words(cause),
        explained=percent(cause.explained_rate) if known else "",
        interval=percent_interval(cause.explained_low, cause.explained_high) if known else "",
        tested=f"{cause.rows_tested:,}" if known else "",
        share=percent(cause.share),
        share_of_one=cause.share or 0.0,
        control=percent(cause.control_rate) if cause.control_rate is not None else "",
        equivalent=equivalent_sentence(cause),
        note="" if known else cause.text or "",
        command=cause.command or "",
    )
