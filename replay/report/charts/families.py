"""Sensitivity: what each family costs when it is null, ranked."""

from __future__ import annotations

from dataclasses import dataclass

from replay.report.charts.geometry import AxisScale
from replay.report.summary import Summary
from replay.report.summary.effects import FamilyEffect
from replay.report.words.losses import LOSSES
from replay.report.words.numbers import interval_text, number


@dataclass(frozen=True)
class FamilyLine:
    """A family as a bar from zero to its loss, with the interval over it; ends are shares of the width."""

    family: str
    value: str
    interval: str
    mean_abs: str
    bar: tuple[float, float] | None
    """Left end and width."""
    ends: tuple[float, float] | None
    """Left end and width of the interval."""


@dataclass(frozen=True)
class FamilyRanking:
    """The families, worst first."""

    metric: str
    sentence: str
    zero: float
    lines: tuple[FamilyLine, ...]


def family_ranking(summary: Summary) -> FamilyRanking | None:
    """Lay out the families; None where they were not asked for."""
    effects = summary.sensitivity
    if not effects:
        return None
    known = [end for entry in effects for end in (entry.value, entry.low, entry.high) if end is not None]
    scale = AxisScale(min([*known, 0.0]), max([*known, 0.0]) or 1.0)
    return FamilyRanking(
        metric=LOSSES[effects[0].metric],
        sentence=family_sentence(effects),
        zero=scale.share(0.0),
        lines=tuple(_line(entry, scale) for entry in effects),
    )


def family_sentence(effects: tuple[FamilyEffect, ...]) -> str:
    """Name the family that costs most, and whether that is certain."""
    first = effects[0]
    metric = LOSSES[first.metric]
    if first.value is None:
        return f"{metric} is not defined for any family."
    interval = interval_text(first.low, first.high)
    if first.value <= 0 or (first.low is not None and first.low <= 0):
        ends = f" ({interval})" if interval else ""
        return f"{first.family} ranks first, but its {metric} of {number(first.value, 3)}{ends} may be chance."
    text = f"Losing {first.family} costs most: {metric} {number(first.value, 3)}" + (
        f" ({interval})" if interval else ""
    )
    second = effects[1].value if len(effects) > 1 else None
    if second is not None and second > 0:
        text += f", {number(first.value / second, 2)} times that of {effects[1].family}"
    return f"{text}."


def _line(entry: FamilyEffect, scale: AxisScale) -> FamilyLine:
    return FamilyLine(
        family=entry.family,
        value=number(entry.value, 3),
        interval=interval_text(entry.low, entry.high),
        mean_abs=number(entry.mean_abs, 3),
        bar=None if entry.value is None else _span(0.0, entry.value, scale),
        ends=None if entry.low is None or entry.high is None else _span(entry.low, entry.high, scale),
    )


def _span(one: float, other: float, scale: AxisScale) -> tuple[float, float]:
    left, right = sorted((scale.share(one), scale.share(other)))
    return left, right - left
