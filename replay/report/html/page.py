"""The page: a headline, key figures, and sections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from replay.report.audits.cards import audit_cards
from replay.report.charts.dose import dose_charts
from replay.report.charts.families import family_ranking
from replay.report.charts.skew_matrix import skew_matrix_chart
from replay.report.charts.timeline import draw_timeline
from replay.report.html.sections.about import about
from replay.report.html.sections.accounting import row_parts, time_parts
from replay.report.html.sections.effects import effect_table
from replay.report.html.sections.incidents import incident_cards
from replay.report.html.sections.order import order_table
from replay.report.html.sections.quality import quality_table
from replay.report.html.sections.slices import slice_tables
from replay.report.html.sections.variants import variant_table
from replay.report.html.sections.worst_rows import worst_row_tables
from replay.report.summary import Summary
from replay.report.summary.data import ReportData
from replay.report.verdict import Verdict, judge
from replay.report.words.losses import METRIC_LABELS
from replay.report.words.numbers import count, number, percent, percent_interval
from replay.report.words.run import window_text
from replay.report.words.verification import verification_answer


@dataclass(frozen=True)
class PageSection:
    """A section of the page.

    Attributes:
        name: Its anchor, and the name of its template in ``templates/sections``.
        link: What the navigation calls it.
        title: Its heading.
        content: Computes what the template shows; the section is left out where that is empty.
    """

    name: str
    link: str
    title: str
    content: Callable[[ReportData, Verdict], object]


# In the order of the page.
SECTIONS = (
    PageSection("verification", "Cause", "The cause, replayed", lambda data, _: data.summary.verification),
    PageSection("gates", "Gates", "Gates", lambda data, _: data.summary.gates),
    PageSection("incidents", "Incidents", "Incidents", lambda data, _: incident_cards(data.summary)),
    PageSection("audits", "Audits", "Other tables", lambda data, _: audit_cards(data.summary)),
    PageSection("time", "Over time", "Over time", draw_timeline),
    PageSection("variants", "Variants", "Variants against online", lambda data, _: variant_table(data.summary)),
    PageSection("effects", "Effects", "What variants change", lambda data, _: effect_table(data.summary)),
    PageSection("doses", "Doses", "Doses", lambda data, _: dose_charts(data.summary)),
    PageSection("matrix", "Skew matrix", "Skew matrix", lambda data, _: skew_matrix_chart(data.summary)),
    PageSection("families", "Families", "Families", lambda data, _: family_ranking(data.summary)),
    PageSection("quality", "Quality", "Quality", lambda data, _: quality_table(data.summary)),
    PageSection("order", "Order", "Order within groups", lambda data, _: order_table(data.summary)),
    PageSection("slices", "Slices", "Slices", lambda data, verdict: slice_tables(data, verdict.variant)),
    PageSection("worst", "Worst rows", "Worst rows", lambda data, verdict: worst_row_tables(data, verdict.variant)),
    PageSection("rows", "Rows", "Rows", lambda data, _: row_parts(data.summary.reconciliation)),
    PageSection("seconds", "Time spent", "Time spent", lambda data, _: time_parts(data.summary.timings)),
    PageSection("checkpoints", "Checkpoints", "Checkpoints", lambda data, _: data.summary.checkpoints),
    PageSection("about", "This run", "This run", lambda data, _: about(data)),
)


@dataclass(frozen=True)
class Fact:
    """A key figure with what it means."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Page:
    """Everything that the templates show."""

    title: str
    window: str
    verdict: Verdict
    answer: str
    """The answer to the first question: does the replay reproduce the online scores?"""
    facts: tuple[Fact, ...]
    sections: tuple[tuple[PageSection, object], ...]
    """Each with its content, which is never empty."""


def make_page(data: ReportData) -> Page:
    """Compute everything that the page shows."""
    summary, verdict = data.summary, judge(data)
    contents = ((section, section.content(data, verdict)) for section in SECTIONS)
    return Page(
        title=summary.output or summary.run_id,
        window=window_text(data),
        verdict=verdict,
        answer=_answer(summary, verdict),
        facts=facts(summary, verdict.variant),
        sections=tuple((section, content) for section, content in contents if content),
    )


def _answer(summary: Summary, verdict: Verdict) -> str:
    if summary.verification is not None:
        return verification_answer(summary.verification)
    if verdict.level == "unknown":
        return "The replay could not be compared"
    against = summary.variants[verdict.variant].vs_online
    if against is None or not against.mismatched:
        return "The replay reproduces the online scores"
    if against.mismatched == against.compared:
        return "The replay reproduces none of the online scores"
    return "The replay does not reproduce every online score"


def facts(summary: Summary, name: str) -> tuple[Fact, ...]:
    """The key figures: of the comparison, and of the first quality metric where there is a label."""
    variant = summary.variants.get(name)
    online = variant.vs_online if variant else None
    listed = [Fact("Rows compared", count(online.compared if online else 0), f"of {count(summary.rows)} replayed")]
    if online is not None and online.compared:
        interval = percent_interval(online.mismatch_rate_low, online.mismatch_rate_high)
        note = f"95% interval {interval}" if interval else ""
        listed.append(Fact("Beyond the tolerance", percent(online.mismatch_rate), note))
        listed.append(Fact("Largest difference", number(online.max_abs, 3), f"median {number(online.p50_abs, 3)}"))
    metrics = variant.metrics if variant else {}
    metric = next((metric for metric in METRIC_LABELS if metric in metrics and metrics[metric].value is not None), None)
    if metric is not None:
        online_metric = summary.online_metrics.get(metric)
        note = f"online {number(online_metric.value)}" if online_metric else ""
        listed.append(Fact(f"{METRIC_LABELS[metric]}, replayed", number(metrics[metric].value), note))
    return tuple(listed)
