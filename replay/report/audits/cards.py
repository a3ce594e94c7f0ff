"""Audits on the page: features by cost with bars, and coverage by slice."""

from __future__ import annotations

from dataclasses import dataclass

from replay.report.audits.trends import Sparkline, age_charts, sparkline
from replay.report.audits.words import (
    audit_sentence,
    difference_text,
    explains_sentence,
    leakage_sentence,
    schedule_sentence,
    together_sentence,
)
from replay.report.charts.curve import LossCurve
from replay.report.charts.geometry import AxisScale
from replay.report.summary import Summary
from replay.report.summary.audits import AuditSummary, DifferenceCost, FeatureAudit, Sides
from replay.report.words.numbers import interval_text, number, percent, signed

SHOWN = 50
"""Features of an audit that are shown."""
_SLICES = 12
_LEVELS = (0.001, 0.01, 0.1, 0.5)

Span = tuple[float, float]
"""Left end and width, as shares of the width."""


@dataclass(frozen=True)
class AuditLine:
    """A feature that differs."""

    feature: str
    family: str
    core: bool
    alarm: bool
    difference: str
    rows: str
    coverage: str
    cost: str
    interval: str
    mean_abs: str
    bar: Span | None
    ends: Span | None
    reason: str
    trend: Sparkline | None


@dataclass(frozen=True)
class CoverageCell:
    """A feature's coverage in a slice: how much it drops, as a level from 0 to 5, and both shares."""

    level: int
    title: str


@dataclass(frozen=True)
class AuditCard:
    """One audit."""

    name: str
    sentence: str
    said: tuple[str, ...]
    metric: str
    zero: float
    lines: tuple[AuditLine, ...]
    quiet: tuple[AuditLine, ...]
    """Features that raise no alarm: below the line."""
    left_out: int
    slices: tuple[str, ...]
    coverage: tuple[tuple[str, tuple[CoverageCell, ...]], ...]
    schedules: tuple[tuple[str, str | None], ...] = ()
    """What is computed once a day, in words, and the scenario that replays it."""
    ages: tuple[LossCurve, ...] = ()

    @property
    def has_trends(self) -> bool:
        """Whether any line has one."""
        return any(line.trend is not None for line in (*self.lines, *self.quiet))


def audit_cards(summary: Summary) -> tuple[AuditCard, ...]:
    """Lay out the audits; none where there is none."""
    return tuple(_card(name, audit) for name, audit in (summary.audits or {}).items())


def _card(name: str, audit: AuditSummary) -> AuditCard:
    by_ne = any(_ne(entry.cost) for entry in audit.features)
    shown = audit.features[:SHOWN]
    known = [end for entry in shown for end in _ends(entry.cost, by_ne=by_ne) if end is not None]
    scale = AxisScale(min([*known, 0.0]), max([*known, 0.0]) or 1.0)
    lines = [(entry, _line(entry, scale, by_ne=by_ne)) for entry in shown]
    said = (together_sentence(audit), explains_sentence(audit), leakage_sentence(audit), *audit.notes)
    slices, coverage = _coverage(audit)
    return AuditCard(
        name=name,
        sentence=audit_sentence(name, audit),
        said=tuple(each for each in said if each),
        metric="NE increase" if by_ne else "Mean change of score",
        zero=scale.share(0.0),
        lines=tuple(line for entry, line in lines if entry.alarm),
        quiet=tuple(line for entry, line in lines if not entry.alarm),
        left_out=len(audit.features) - len(shown),
        slices=slices,
        coverage=coverage,
        schedules=tuple((schedule_sentence(each, audit.against), each.scenario) for each in audit.schedules),
        ages=age_charts(audit),
    )


def _ne(cost: DifferenceCost) -> bool:
    return cost.ne_increase is not None and cost.ne_increase.value is not None


def _ends(cost: DifferenceCost, *, by_ne: bool) -> tuple[float | None, float | None, float | None]:
    """Value, low and high of what the bars show."""
    if not by_ne:
        return cost.mean_abs, None, None
    ne = cost.ne_increase
    return (None, None, None) if ne is None else (ne.value, ne.low, ne.high)


def _line(entry: FeatureAudit, scale: AxisScale, *, by_ne: bool) -> AuditLine:
    value, low, high = _ends(entry.cost, by_ne=by_ne)
    return AuditLine(
        feature=entry.feature,
        family=entry.family or "",
        core=entry.core,
        alarm=entry.alarm,
        difference=difference_text(entry),
        rows=percent(entry.mismatch_rate),
        coverage=_sides(entry.coverage),
        cost=signed(value, 3) if by_ne else number(value, 3),
        interval=interval_text(low, high),
        mean_abs=number(entry.cost.mean_abs, 3),
        bar=None if value is None else _span(0.0, value, scale),
        ends=None if low is None or high is None else _span(low, high, scale),
        reason=entry.cost.reason or "",
        trend=sparkline(entry),
    )


def _sides(coverage: Sides) -> str:
    return f"{percent(coverage.here)} / {percent(coverage.there)}"


def _span(one: float, other: float, scale: AxisScale) -> Span:
    left, right = sorted((scale.share(one), scale.share(other)))
    return left, right - left


def _coverage(audit: AuditSummary) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[CoverageCell, ...]], ...]]:
    """The slices in which coverage drops, and the cells of each feature that drops anywhere."""
    dropping = [entry for entry in audit.features if any(_dropped(each.coverage) > 0.001 for each in entry.slices)]
    names = dict.fromkeys(each.slice for entry in dropping for each in entry.slices if _dropped(each.coverage) > 0.001)
    slices = tuple(names)[:_SLICES]
    rows = []
    for entry in dropping[:SHOWN]:
        by_slice = {each.slice: each.coverage for each in entry.slices}
        rows.append((entry.feature, tuple(_cell(by_slice.get(name)) for name in slices)))
    return slices, tuple(rows)


def _dropped(coverage: Sides) -> float:
    return abs((coverage.here or 0.0) - (coverage.there or 0.0))


def _cell(coverage: Sides | None) -> CoverageCell:
    if coverage is None:
        return CoverageCell(0, "the same")
    dropped = _dropped(coverage)
    level = 0 if not dropped else sum(dropped >= limit for limit in _LEVELS) + 1
    return CoverageCell(level, _sides(coverage))
