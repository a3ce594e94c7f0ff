"""Scales, ticks and SVG paths of the report's charts.

Charts are drawn in a box of 1000 x 100 that stretches with the page; text lies over it as HTML, so that it stays
readable at any width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

WIDTH, HEIGHT = 1000.0, 100.0

_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Tick:
    """A label at a share (0 to 1) of an axis."""

    at: float
    label: str
    strong: bool = False


@dataclass(frozen=True)
class AxisScale:
    """A linear axis from `low` to `high`.

    >>> AxisScale(0.0, 4.0).share(1.0)
    0.25
    """

    low: float
    high: float

    def share(self, value: float) -> float:
        """Where a value lies on the axis: 0 to 1, and cut there."""
        if self.high <= self.low:
            return 0.5
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


def nice_ceiling(value: float) -> float:
    """Round up to 1, 2, 2.5 or 5 times a power of ten.

    >>> nice_ceiling(0.93), nice_ceiling(0.031), nice_ceiling(2.1), nice_ceiling(0.0)
    (1.0, 0.05, 2.5, 1.0)
    """
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    factor = next(step for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * power >= value * (1 - 1e-9))
    return float(f"{factor * power:.6g}")


def padded(values: Sequence[float]) -> AxisScale:
    """An axis around the values, with a little room; a lone value gets room of its own."""
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    return AxisScale(low - room, high + room)


def time_ticks(start: datetime, end: datetime, limit: int = 8) -> tuple[Tick, ...]:
    """Round times between start and end, the date where a day begins and at the first tick.

    >>> start = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    >>> [tick.label for tick in time_ticks(start, start + timedelta(hours=2), limit=5)]
    ['20 Nov 17:00', '17:30', '18:00', '18:30', '19:00']
    """
    span = end - start
    step = next((step for step in _STEPS if span / step < limit), None)
    if step is None:
        step = timedelta(days=math.ceil(span / timedelta(days=1) / (limit - 1)))
    ticks: list[Tick] = []
    for place in range(-((_EPOCH - start) // step), (end - _EPOCH) // step + 1):
        at = _EPOCH + step * place
        ticks.append(Tick((at - start) / span, _time_label(at, step, first=not ticks), at.time() == _EPOCH.time()))
    return tuple(ticks)


def _time_label(at: datetime, step: timedelta, *, first: bool) -> str:
    day = f"{at.day} {at:%b}"
    if step >= timedelta(days=1):
        return day
    clock = f"{at:%H:%M:%S}" if step < timedelta(minutes=1) else f"{at:%H:%M}"
    return f"{day} {clock}" if first or at.time() == _EPOCH.time() else clock


def step_runs(shares: Sequence[float | None]) -> list[tuple[int, list[float]]]:
    """Cut a series where it has gaps: the first index and the values of each stretch."""
    runs: list[tuple[int, list[float]]] = []
    open_run = False
    for index, share in enumerate(shares):
        if share is None:
            open_run = False
        elif open_run:
            runs[-1][1].append(share)
        else:
            runs.append((index, [share]))
            open_run = True
    return runs


def area_path(shares: Sequence[float | None]) -> str:
    """Draw a series (shares of the height) as filled steps; a gap stays empty.

    >>> area_path([0.5, None])
    'M0 100V50H500V100Z'
    """
    width = WIDTH / max(len(shares), 1)
    parts = []
    for first, values in step_runs(shares):
        parts.append(f"M{_number(first * width)} 100{_steps(first, values, width)}V100Z")
    return "".join(parts)


def line_path(shares: Sequence[float | None]) -> str:
    """Draw a series (shares of the height) as a stepped line; a gap stays empty.

    >>> line_path([0.5, 0.25])
    'M0 50H500V75H1000'
    """
    width = WIDTH / max(len(shares), 1)
    parts = []
    for first, values in step_runs(shares):
        start = f"M{_number(first * width)} {_number(_y(values[0]))}"
        parts.append(start + _steps(first, values, width).removeprefix(f"V{_number(_y(values[0]))}"))
    return "".join(parts)


def mark_path(marked: Sequence[bool]) -> str:
    """Fill the whole height of the marked steps.

    >>> mark_path([False, True, True, False])
    'M250 0H750V100H250Z'
    """
    width = WIDTH / max(len(marked), 1)
    runs = step_runs([1.0 if mark else None for mark in marked])
    return "".join(
        f"M{_number(first * width)} 0H{_number((first + len(values)) * width)}V100H{_number(first * width)}Z"
        for first, values in runs
    )


def _steps(first: int, values: Sequence[float], width: float) -> str:
    """Vertical and horizontal moves; equal neighbours are one move."""
    parts: list[str] = []
    level: float | None = None
    for index, value in enumerate(values):
        if level != value:
            parts.append(f"V{_number(_y(value))}")
            level = value
        if index + 1 == len(values) or values[index + 1] != value:
            parts.append(f"H{_number((first + index + 1) * width)}")
    return "".join(parts)


def _y(share: float) -> float:
    return HEIGHT * (1 - share)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
