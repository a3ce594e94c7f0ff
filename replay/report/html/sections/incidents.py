"""Incidents with their causes, cost and example rows."""

from __future__ import annotations

from dataclasses import dataclass

from replay.report.summary import Incident, Summary
from replay.report.words.causes import cause_words
from replay.report.words.incidents import (
    is_certain,
    load_sentence,
    ramp_words,
    slice_words,
    story_of,
    story_sentence,
)
from replay.report.words.losses import costs
from replay.report.words.numbers import count, interval_text, moment, percent, seconds, signed


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
class IncidentCard:
    """One incident."""

    number: int
    incident: Incident
    facts: tuple[tuple[str, str], ...]
    cost: CostTable | None
    story: str = ""
    """The whole story, where it is the first of one; of the others, which it is part of."""


@dataclass(frozen=True)
class IncidentCards:
    """All incidents; none where they were searched for and not found."""

    cards: tuple[IncidentCard, ...]


def incident_cards(summary: Summary) -> IncidentCards | None:
    """Lay out the incidents of a run; None where none were searched for."""
    if not summary.diagnosed and not summary.incidents:
        return None
    return IncidentCards(
        tuple(
            IncidentCard(number, one, _facts(one), _cost_table(one), _story(summary, number))
            for number, one in enumerate(summary.incidents, start=1)
        )
    )


def _story(summary: Summary, number: int) -> str:
    story = story_of(summary.stories, number)
    if story is None:
        return ""
    first = story.incidents[0]
    return story_sentence(story, summary.incidents) if number == first else f"Part of the story of incident {first}."


def _facts(incident: Incident) -> tuple[tuple[str, str], ...]:
    """When, how long, which slice, how many rows."""
    duration = (incident.end - incident.start).total_seconds()
    listed = (
        ("From", f"{moment(incident.start)} UTC"),
        ("To", "the end of the window" if incident.permanent else f"{moment(incident.end)} UTC"),
        ("Duration", ", ".join((seconds(duration), *ramp_words(incident)))),
        ("Stands", "at all times: its first cause holds outside of it as well" if incident.standing else ""),
        ("Times", "; ".join(f"{moment(one.start)}" for one in incident.times or ())),
        ("Slice", slice_words(incident) or "all rows"),
        ("Rows", count(incident.rows)),
        ("Beyond the tolerance", f"{count(incident.mismatched)} ({percent(incident.mismatch_rate)})"),
        (
            "Mean difference",
            "" if incident.mean_delta is None else f"{signed(incident.mean_delta, 3)} (replayed less online)",
        ),
        ("Load", load_sentence(incident.load)),
        ("Chance of this in a clean run", "" if incident.p_value is None else _chance(incident.p_value)),
    )
    return tuple((label, value) for label, value in listed if value)


def _chance(p_value: float) -> str:
    return "under 1 in a million" if p_value < 1e-6 else percent(p_value)


def _cost_table(incident: Incident) -> CostTable | None:
    """The cost by metric; None without a label."""
    certain = any(is_certain(loss) for loss in incident.loss.values())
    known = [cause for cause in incident.causes if cause.loss and certain]
    lines = []
    for name, metric in costs().items():
        loss = incident.loss.get(name)
        if loss is None or loss.value is None or metric.change is None:
            continue
        shares = [(cause.loss or {}).get(metric.name) if is_certain(loss) else None for cause in known]
        lines.append(
            CostLine(
                metric=metric.change.label,
                loss=signed(loss.value, 3),
                interval=interval_text(loss.low, loss.high),
                certain=is_certain(loss),
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
