"""The report as one HTML file that opens offline: no script, style, font or picture comes from anywhere else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from replay.errors.printable import printable, printable_lines
from replay.report.buckets import end_of
from replay.report.html.page import make_page
from replay.report.html.sections.variants import correlation
from replay.report.html.sections.worst_rows import is_missing, logged_value, row_kind
from replay.report.summary import Summary
from replay.report.summary.data import ReportData
from replay.report.words.causes import cause_words, equivalent_sentence, windows_evidence
from replay.report.words.gates import gate_evidence, gate_rule
from replay.report.words.incidents import cause_time, incident_sentence, noise_sentence, ruled_out_sentence
from replay.report.words.numbers import (
    count,
    interval_text,
    key_text,
    moment,
    number,
    percent,
    percent_interval,
    score,
    seconds,
    signed,
    time_range,
)
from replay.report.words.run import tolerance_text
from replay.report.words.slices import slices_text
from replay.report.words.standing import standing_line, standing_sentence
from replay.report.words.variants import instabilities
from replay.report.words.verification import verification_subject
from replay.version import __version__

_TEMPLATES = files("replay.report.html") / "templates"
_FILTERS: tuple[Callable[..., object], ...] = (
    cause_time,
    cause_words,
    correlation,
    count,
    end_of,
    equivalent_sentence,
    gate_evidence,
    gate_rule,
    slices_text,
    standing_line,
    standing_sentence,
    incident_sentence,
    instabilities,
    interval_text,
    key_text,
    logged_value,
    moment,
    noise_sentence,
    number,
    percent,
    percent_interval,
    row_kind,
    ruled_out_sentence,
    score,
    seconds,
    signed,
    time_range,
    tolerance_text,
    verification_subject,
    windows_evidence,
)


def render_html(data: ReportData) -> str:
    """Render the report.

    Everything that comes from the traffic or the config is escaped. Beside that, the page's policy lets the browser
    run the report's own script alone, and load nothing.

    Returns:
        The text of ``report.html``, UTF-8.
    """
    script = read_template("report.js")
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            page=make_page(data),
            summary=data.summary,
            script=Markup(script),
            style=Markup(read_template("report.css")),
            script_sha256=_policy_hash(script),
            version=__version__,
        )
    )


def render_undrawn(summary: Summary, problem: str) -> str:
    """Render a page that says why there is no report.

    Args:
        summary: Of the run.
        problem: What kept the report from being drawn.
    """
    title = escape(printable(summary.output or summary.run_id))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1><p>{escape(printable_lines(problem))}.</p></body></html>\n"
    )


def _shown(value: object) -> object:
    """What is written into a page, without the characters that no page may hold."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return type(value)(printable_lines(value))


@cache
def environment() -> Environment:
    """The environment of all templates: it escapes, and refuses what is not given."""
    # Read as package resources, so that it also works from a zip that Spark ships.
    environment = Environment(
        autoescape=True,
        finalize=_shown,
        loader=FunctionLoader(read_template),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({function.__name__: function for function in _FILTERS})
    environment.tests["missing"] = is_missing
    return environment


@cache
def read_template(name: str) -> str:
    """The text of a template, style or script."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _policy_hash(script: str) -> str:
    """Hash by which a Content-Security-Policy lets a script run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
