"""Audits over time: how far a feature is from the other table by stretch of time, and how old it is by hour."""

from __future__ import annotations

from dataclasses import dataclass

from replay.report.charts.curve import LossCurve, MeasuredLoss, draw_curve
from replay.report.charts.geometry import HEIGHT, WIDTH
from replay.report.summary.audits import AgesSummary, AuditSummary, FeatureAudit
from replay.report.words.numbers import moment, number

AGES_SHOWN = 8
"""Charts of ages of an audit."""
_MOST_NAMES = 3


@dataclass(frozen=True)
class Sparkline:
    """Distances from the other table by stretch of time.

    Attributes:
        line: An SVG path.
        title: The largest of them, in words.
    """

    line: str
    title: str


def sparkline(feature: FeatureAudit) -> Sparkline | None:
    """Draw a feature's divergence by stretch of time; None where there are not several stretches."""
    known = [each for each in feature.buckets or () if each.divergence is not None]
    if len(known) < 2:
        return None
    most = max(known, key=lambda each: each.divergence or 0.0)
    top = most.divergence or 1.0
    step = WIDTH / (len(known) - 1)
    points = [
        f"{place * step:.1f},{HEIGHT * (1 - (each.divergence or 0.0) / top):.1f}" for place, each in enumerate(known)
    ]
    return Sparkline(
        "M" + "L".join(points),
        f"divergence by stretch of time, at most {number(most.divergence, 3)} from {moment(most.start)}",
    )


def age_charts(audit: AuditSummary) -> tuple[LossCurve, ...]:
    """Draw how old values are by hour of the day, of columns of value times that say so of two hours at least."""
    known = [each for each in audit.ages if sum(hours is not None for hours in each.hours) > 1]
    return tuple(_chart(each, audit.against) for each in known[:AGES_SHOWN])


def _chart(ages: AgesSummary, against: str) -> LossCurve:
    more = len(ages.features) - _MOST_NAMES
    names = ", ".join(ages.features[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    whose = "here" if ages.side == "here" else f"in {against}"
    hours = [MeasuredLoss(hour, f"{hour:02d}:00", age) for hour, age in enumerate(ages.hours)]
    return draw_curve(f"{names}, {whose}", "Median age in hours", hours)
