"""Incidents that are one story: one bad deployment on several hosts, each of them found by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.report.summary import Incident, Story

_NEAR = 0.1
_OVERLAP = 0.5  # of the shorter one


def find_stories(incidents: Sequence[Incident]) -> tuple[Story, ...]:
    """Put incidents together that have one cause, overlap in time, and differ in the value of one column.

    Args:
        incidents: The one with most evidence first.

    Returns:
        Stories in the order of their first incidents; an incident is part of one at most.
    """
    stories: list[Story] = []
    taken: set[int] = set()
    for place, first in enumerate(incidents):
        if place in taken:
            continue
        groups = [(column, _members(incidents, place, column, taken)) for column in first.segments]
        column, members = max(groups, key=lambda one: len(one[1]), default=("", []))
        values = dict.fromkeys(incidents[member].segments[column] for member in members)
        if len(values) > 1:
            taken.update(members)
            stories.append(_tell(incidents, members, column, tuple(values)))
    return tuple(stories)


def _members(incidents: Sequence[Incident], place: int, column: str, taken: set[int]) -> list[int]:
    """The first one, and those after it that are the same but for the value of a column."""
    first = incidents[place]
    return [
        other
        for other in range(place, len(incidents))
        if other not in taken
        and column in incidents[other].segments
        and _without(incidents[other].segments, column) == _without(first.segments, column)
        and _is_same_cause(first, incidents[other])
        and _overlap(first, incidents[other])
    ]


def _without(segments: Mapping[str, str], column: str) -> dict[str, str]:
    return {name: value for name, value in segments.items() if name != column}


def _is_same_cause(one: Incident, other: Incident) -> bool:
    """Whether the first causes are the same, with numbers that are nearly so."""
    if not one.causes or not other.causes:
        return False
    first, second = one.causes[0].hypothesis, other.causes[0].hypothesis
    if not isinstance(first, Hypothesis) or not isinstance(second, Hypothesis) or not first.is_like(second):
        return False
    mine, theirs = dict(first.parameters), dict(second.parameters)
    return mine.keys() == theirs.keys() and all(_is_near(mine[name], theirs[name]) for name in mine)


def _is_near(one: Any, other: Any) -> bool:
    if isinstance(one, timedelta) and isinstance(other, timedelta):
        one, other = one.total_seconds(), other.total_seconds()
    numbers = (int, float)
    if isinstance(one, bool) or not isinstance(one, numbers) or not isinstance(other, numbers):
        return bool(one == other)
    return abs(one - other) <= _NEAR * max(abs(one), abs(other))


def _overlap(one: Incident, other: Incident) -> bool:
    shared = min(one.end, other.end) - max(one.start, other.start)
    return shared >= _OVERLAP * min(one.end - one.start, other.end - other.start)


def _tell(incidents: Sequence[Incident], members: Sequence[int], column: str, values: tuple[str, ...]) -> Story:
    parts = [incidents[member] for member in members]
    return Story(
        incidents=tuple(member + 1 for member in members),
        column=column,
        values=values,
        segments=_without(parts[0].segments, column),
        start=min(part.start for part in parts),
        end=max(part.end for part in parts),
        rows=sum(part.rows for part in parts),
        mismatched=sum(part.mismatched for part in parts),
    )
