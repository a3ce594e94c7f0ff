"""The report in a terminal or a scheduler's log: the same numbers as the page, in 80 columns."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from replay.errors.printable import printable
from replay.report.audits.lines import audit_lines
from replay.report.summary import Summary
from replay.report.summary.data import ReportData
from replay.report.terminal.incidents import COMMANDS, PASTED, effect_lines, incident_lines
from replay.report.terminal.sparkline import BLOCKS, sparkline
from replay.report.terminal.variants import unstable_lines, variants_table
from replay.report.verdict import judge
from replay.report.words.commands import in_ascii
from replay.report.words.gates import gate_rule, gates_counted
from replay.report.words.numbers import MINUS, MISSING, number, seconds
from replay.report.words.run import reconciliation_text, window_text
from replay.report.words.slices import slices_text
from replay.report.words.variants import mean_sentence
from replay.report.words.verification import verification_answer, verification_facts, verification_subject

MAX_WIDTH = 110
_LABEL = 10
_STYLES = {"agrees": "bold green", "differs": "bold red", "unknown": "bold yellow"}
_VERDICTS = {"passed": "green", "failed": "bold red", "undecided": "bold yellow"}
_PLAIN = str.maketrans({MINUS: "-", MISSING: "-", "≤": "<=", "≥": ">="})


def render_terminal(
    data: ReportData,
    report_path: str | None = None,
    *,
    width: int | None = None,
    color: bool | None = None,
    unicode: bool | None = None,
) -> str:
    """Render the summary as lines for a person.

    Args:
        data: Of the run.
        report_path: Where the HTML report is.
        width: Columns; None: the terminal's, or 80 where standard output is none.
        color: ANSI colours; None: where standard output is a terminal and ``NO_COLOR`` is not set.
        unicode: Whether the reader's encoding has block characters; None: as standard output's.

    Returns:
        Lines, each ended by a newline.
    """
    return rendered(lambda console, blocks: _print(console, data, report_path, unicode=blocks), width, color, unicode)


def render_gates(
    summary: Summary, *, width: int | None = None, color: bool | None = None, unicode: bool | None = None
) -> str:
    """Render the gates as a table of verdicts.

    Args:
        summary: Of the run.
        width: See :func:`render_terminal`.
        color: See :func:`render_terminal`.
        unicode: See :func:`render_terminal`.

    Returns:
        Lines, each ended by a newline.
    """

    def show(console: Console, _: bool) -> None:
        if summary.refused is not None:
            console.print(Text(printable(f"No verdict: {summary.refused}."), style=_STYLES["unknown"]))
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("verdict", "gate"):
            table.add_column(name, overflow="fold")
        table.add_column("measured", justify="right", no_wrap=True)
        for gate in summary.gates:
            rule = Text(printable(gate_rule(gate))) + Text(
                f"  {printable(gate.reason)}" if gate.reason else "", style="dim"
            )
            table.add_row(Text(gate.verdict, style=_VERDICTS[gate.verdict]), rule, number(gate.value))
        console.print(table)
        console.print(Text(gates_counted(summary.gates), style="bold"))

    return rendered(show, width, color, unicode)


def render_audits(
    summary: Summary,
    report_path: str,
    *,
    width: int | None = None,
    color: bool | None = None,
    unicode: bool | None = None,
) -> str:
    """Render what the audits of a run found, and where its report is, and nothing else of it.

    Args:
        summary: Of the run.
        report_path: Where its HTML report is.
        width: See :func:`render_terminal`.
        color: See :func:`render_terminal`.
        unicode: See :func:`render_terminal`.

    Returns:
        Lines, each ended by a newline.
    """

    def show(console: Console, _: bool) -> None:
        for label, text, style in audit_lines(summary.audits or {}):
            console.print(_labelled(label, text, style))
        _print_unbroken(console, "report", report_path, "bold")

    return rendered(show, width, color, unicode)


def render_verification(
    data: ReportData,
    report_path: str,
    *,
    width: int | None = None,
    color: bool | None = None,
    unicode: bool | None = None,
) -> str:
    """Render what replaying a cause showed: one sentence, and what it rests on.

    Args:
        data: Of the run that replayed it.
        report_path: Where its HTML report is.
        width: See :func:`render_terminal`.
        color: See :func:`render_terminal`.
        unicode: See :func:`render_terminal`.

    Returns:
        Lines, each ended by a newline.
    """

    def show(console: Console, _: bool) -> None:
        verdict, found = judge(data), data.summary.verification
        console.print(Text(printable(verdict.headline), style=_STYLES[verdict.level]))
        console.print()
        if found is not None:
            console.print(_labelled("verdict", f"{verification_answer(found)}.", ""))
            for place, fact in enumerate(verification_facts(found)):
                console.print(_labelled("" if place else "why", fact, ""))
            console.print(_labelled("of", verification_subject(found), ""))
        _print_unbroken(console, "report", report_path, "bold")

    return rendered(show, width, color, unicode)


def rendered(
    show: Callable[[Console, bool], None],
    width: int | None = None,
    color: bool | None = None,
    unicode: bool | None = None,
) -> str:
    """Capture what a function prints on a console; it is also given whether the encoding has block characters."""
    terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if width is None:
        width = min(shutil.get_terminal_size((80, 24)).columns, MAX_WIDTH) if terminal else 80
    if color is None:
        color = terminal and not os.environ.get("NO_COLOR")
    if unicode is None:
        unicode = _has_blocks(sys.stdout.encoding)
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as capture:
        show(console, unicode)
    text = "".join(line.rstrip() + "\n" for line in capture.get().splitlines())
    return text if unicode else text.translate(_PLAIN).encode("ascii", "backslashreplace").decode("ascii")


def _has_blocks(encoding: str | None) -> bool:
    try:
        BLOCKS.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _print(console: Console, data: ReportData, report_path: str | None, *, unicode: bool) -> None:
    summary, verdict = data.summary, judge(data)
    console.print(Text(printable(verdict.headline), style=_STYLES[verdict.level]))
    if verdict.details:
        console.print(Text(printable(" ".join(verdict.details))))
    console.print()
    for line in sparkline(data, verdict.variant, console.width, unicode=unicode):
        console.print(line)
    findings = [*incident_lines(summary), *audit_lines(summary.audits or {}), *effect_lines(summary)]
    for label, text, style in findings:
        if label == PASTED:
            console.print(Text(printable(text), style=style), soft_wrap=True)
        elif label in COMMANDS:
            # A terminal without a sign would show another one, which is another command.
            text = text if unicode else in_ascii(text)
            _print_unbroken(console, label, text, style)
        else:
            console.print(_labelled(label, text, style))
    if findings:
        console.print()
    table, left_out = variants_table(summary, verdict.variant, console.width)
    console.print(table)
    if left_out > 0:
        console.print(Text(f"  and {left_out} more variants, in the report", style="dim"))
    console.print()
    for label, text, style in _lines(data):
        console.print(_labelled(label, text, style))
    if report_path is not None:
        _print_unbroken(console, "report", report_path, "bold")


def _print_unbroken(console: Console, label: str, text: str, style: str) -> None:
    """A line that is copied: a break within it would break what it is pasted into."""
    console.print(Text(f"{label:<{_LABEL}}", style="dim") + Text(printable(text), style=style), soft_wrap=True)


def _labelled(label: str, text: str, style: str) -> Table:
    line = Table.grid(padding=0, expand=True)
    line.add_column(width=_LABEL, no_wrap=True)
    line.add_column(ratio=1, overflow="fold")
    line.add_row(Text(label, style="dim"), Text(printable(text), style=style))
    return line


def _lines(data: ReportData) -> list[tuple[str, str, str]]:
    """Label, text and style of the lines below the table."""
    summary = data.summary
    timings = summary.timings
    parts = " + ".join(f"{name} {seconds(amount)}" for name, amount in timings.parts.items() if amount >= 0.05)
    tasks = ", ".join(f"{name} {seconds(getattr(timings, name))}" for name in ("read", "encode", "score", "write"))
    traffic = summary.traffic
    version = "" if traffic.delta_version is None else f" version {traffic.delta_version}"
    lines = [("unstable", text, "yellow") for text in unstable_lines(summary)]
    for gate in summary.gates:
        reason = f" ({gate.reason})" if gate.reason else ""
        text = f"{gate.verdict}: {gate_rule(gate)}, measured {number(gate.value)}{reason}"
        lines.append(("gate", text, _VERDICTS[gate.verdict]))
    baseline = summary.variants.get(summary.baseline)
    mean = mean_sentence(None if baseline is None else baseline.vs_online)
    if mean:
        lines.append(("mean", mean, ""))
    if summary.slices is not None:
        lines.append(("slices", slices_text(summary.slices), ""))
    faulty = summary.reconciliation.unaccounted != 0
    lines.append(("rows", reconciliation_text(summary.reconciliation), "bold red" if faulty else ""))
    whole = f"{seconds(timings.wall)} from start to end" + (f" = {parts}" if parts else "")
    lines.append(("time", f"{whole}; in the scoring, added up over all tasks: {tasks}", ""))
    lines.append(("traffic", f"{traffic.table or traffic.path or MISSING}{version}, {window_text(data)}", ""))
    lines += [("warning", warning, "yellow") for warning in summary.warnings]
    return lines
