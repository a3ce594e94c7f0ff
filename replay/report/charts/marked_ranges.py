"""Time ranges as tinted bands over the pictures, incidents with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from replay.report.buckets import Grid
from replay.report.words.numbers import period

_ROOM = 0.025
"""Share of the width that a number takes."""


@dataclass(frozen=True)
class MarkedRange:
    """A band; `left` and `width` are shares of the axis."""

    left: float
    width: float
    label: str
    mark: str
    """The incident's number; empty where it is none."""
    level: int
    """Numbers that would cover each other are on levels of their own, 0 at the top."""


def mark_runs(grid: Grid, ranges: Sequence[tuple[datetime, datetime]], *, numbered: bool) -> tuple[MarkedRange, ...]:
    """Place time ranges on the axis.

    Args:
        grid: The axis.
        ranges: ``[start, end)``, in the order of their numbers.
        numbered: Whether they are incidents.
    """
    runs: list[MarkedRange] = []
    for place, (start, end) in enumerate(ranges, start=1):
        left, right = max(grid.place(start), 0.0), min(grid.place(end), 1.0)
        label = period(start, end).replace(" and ", " to ")
        level = _level(runs, left) if numbered else 0
        runs.append(MarkedRange(left, max(right - left, 0.0), label, str(place) if numbered else "", level))
    return tuple(runs)


def _level(runs: Sequence[MarkedRange], left: float) -> int:
    taken = {run.level for run in runs if abs(run.left - left) < _ROOM}
    return next(level for level in range(len(runs) + 1) if level not in taken)
