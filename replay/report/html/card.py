"""A run as a notebook shows it: one box that needs nothing but itself, on a light page and on a dark one."""

from __future__ import annotations

from markupsafe import Markup

from replay.report.charts.timeline import Panel, draw_timeline
from replay.report.html.page import facts
from replay.report.html.render import environment, read_template
from replay.report.summary.data import ReportData
from replay.report.verdict import Verdict, judge
from replay.report.words.run import window_text

_MOST_INCIDENTS = 5


def render_card(data: ReportData, report_path: str) -> str:
    """Render the summary of a run as a fragment of HTML.

    Its colours are those of the page around it, whatever theme that has. Everything that comes from the traffic or the
    config is escaped; there is no script, and nothing is loaded.

    Args:
        data: Of the run.
        report_path: Where the whole report is.
    """
    verdict = judge(data)
    return (
        environment()
        .get_template("card.html.j2")
        .render(
            verdict=verdict,
            facts=facts(data.summary, verdict.variant),
            panel=_panel(data, verdict),
            window=window_text(data),
            summary=data.summary,
            most=_MOST_INCIDENTS,
            report_path=report_path,
            style=Markup(read_template("card.css")),
        )
    )


def _panel(data: ReportData, verdict: Verdict) -> Panel | None:
    """The baseline's mismatches over time; None where there are none to see, or no times."""
    timeline = draw_timeline(data, verdict)
    panel = None if timeline is None else timeline.panels[0]
    return None if panel is None or panel.clean else panel
