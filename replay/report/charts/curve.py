"""A small line chart of a loss over a dose or a lag, with the band of its intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from replay.report.charts.geometry import HEIGHT, WIDTH, AxisScale, Tick, nice_ceiling
from replay.report.words.numbers import interval_text, number

LOGARITHMIC = 30.0
"""Ratio of the largest to the smallest dose from which the axis is logarithmic."""
_ROOM = 0.13
"""Share of the width that a label below the axis takes."""


@dataclass(frozen=True)
class MeasuredLoss:
    """A loss at one position on the axis."""

    at: float
    label: str
    loss: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class CurvePoint:
    """A losses loss as drawn: shares of the chart's width, from the left, and height, from the bottom."""

    label: str
    loss: str
    interval: str
    note: str
    at: float
    height: float | None


@dataclass(frozen=True)
class LossCurve:
    """The chart."""

    title: str
    loss: str
    points: tuple[CurvePoint, ...]
    labels: tuple[Tick, ...]
    ticks: tuple[Tick, ...]
    line: str
    band: str
    limit: float | None
    logarithmic: bool


def draw_curve(title: str, loss: str, losses: Sequence[MeasuredLoss], limit: float | None = None) -> LossCurve:
    """Draw losses over doses.

    Args:
        title: What it is a chart of.
        loss: Name of the loss.
        losses: At least two, at different positions.
        limit: A loss to mark.
    """
    points = sorted(losses, key=lambda entry: entry.at)
    logarithmic = points[0].at > 0 and points[-1].at / points[0].at >= LOGARITHMIC
    at = _positions([entry.at for entry in points], logarithmic=logarithmic)
    scale = _loss_scale(points, limit)
    heights = [None if entry.loss is None else scale.share(entry.loss) for entry in points]
    return LossCurve(
        title=title,
        loss=loss,
        points=tuple(
            CurvePoint(
                label=entry.label,
                loss=number(entry.loss, 3),
                interval=interval_text(entry.low, entry.high),
                note=entry.note,
                at=position,
                height=height,
            )
            for entry, position, height in zip(points, at, heights, strict=True)
        ),
        labels=_labels([Tick(position, entry.label) for position, entry in zip(at, points, strict=True)]),
        ticks=_ticks(scale),
        line=_line(at, heights),
        band=_band(at, points, scale),
        limit=None if limit is None else scale.share(limit),
        logarithmic=logarithmic,
    )


def _positions(doses: Sequence[float], *, logarithmic: bool) -> list[float]:
    """Shares of the width; a linear axis starts at zero, which is the baseline."""
    if logarithmic:
        axis = AxisScale(math.log(doses[0]), math.log(doses[-1]))
        return [axis.share(math.log(dose)) for dose in doses]
    axis = AxisScale(min(0.0, doses[0]), doses[-1])
    return [axis.share(dose) for dose in doses]


def _loss_scale(points: Sequence[MeasuredLoss], limit: float | None) -> AxisScale:
    known = [limit] if limit is not None else []
    known += [end for entry in points for end in (entry.loss, entry.low, entry.high) if end is not None]
    low, high = min([*known, 0.0]), max([*known, 0.0])
    return AxisScale(-nice_ceiling(-low) if low < 0 else 0.0, nice_ceiling(high) if high > 0 or low == 0 else 0.0)


def _ticks(scale: AxisScale) -> tuple[Tick, ...]:
    return tuple(Tick(scale.share(value), number(value, 3)) for value in sorted({scale.low, 0.0, scale.high}))


def _labels(ticks: Sequence[Tick]) -> tuple[Tick, ...]:
    """Labels that do not run into each other; the last is always there."""
    kept = [ticks[-1]]
    for tick in reversed(ticks[:-1]):
        if kept[-1].at - tick.at >= _ROOM:
            kept.append(tick)
    return tuple(reversed(kept))


def _line(at: Sequence[float], heights: Sequence[float | None]) -> str:
    """The line through the known points; where one is not known it is broken."""
    parts: list[str] = []
    pen = "M"
    for position, height in zip(at, heights, strict=True):
        if height is None:
            pen = "M"
            continue
        parts.append(f"{pen}{_point(position, height)}")
        pen = "L"
    return "".join(parts)


def _band(at: Sequence[float], points: Sequence[MeasuredLoss], scale: AxisScale) -> str:
    """The area between the ends of the intervals; empty unless all have one."""
    known = [
        (position, entry.low, entry.high)
        for position, entry in zip(at, points, strict=True)
        if entry.low is not None and entry.high is not None
    ]
    if len(known) < len(points):
        return ""
    upper = [_point(position, scale.share(high)) for position, _, high in known]
    lower = [_point(position, scale.share(low)) for position, low, _ in known]
    return f"M{'L'.join([*upper, *reversed(lower)])}Z"


def _point(at: float, height: float) -> str:
    return f"{at * WIDTH:.1f} {HEIGHT * (1 - height):.2f}"
