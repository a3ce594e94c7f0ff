"""A rehearsal in a terminal: inputs, what they refuse, scores, and how many agree with online."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from replay.errors.printable import printable
from replay.rehearsal import Rehearsal
from replay.rehearsal.inputs import FeatureFacts, InputFacts
from replay.report.terminal.render import rendered
from replay.report.words.numbers import count, number, percent
from replay.report.words.rehearsal import agreement_sentence
from replay.report.words.rejects import mend_lines, reject_lines, rows_text

GROUPED_FROM = 40
"""Features from which those with nothing to say share lines."""
_TELLING = 12
"""Features of an input that have a line of their own where there are so many."""


@dataclass(frozen=True)
class _Line:
    """One or more features.

    Attributes:
        name: As shown.
        logged: Their type.
        nulls: Share of null values.
        values: Their range, or what there is to say.
        accepted: Share of rows.
        style: Of the line.
    """

    name: str
    logged: str
    nulls: str
    values: str
    accepted: str
    style: str = ""


def render_rehearsal(
    rehearsal: Rehearsal, *, width: int | None = None, color: bool | None = None, unicode: bool | None = None
) -> str:
    """Render a rehearsal as lines for a person.

    Args:
        rehearsal: What the rows showed.
        width: See :func:`replay.report.terminal.render.render_terminal`.
        color: See there.
        unicode: See there.

    Returns:
        Lines, each ended by a newline.
    """

    def show(console: Console, _: bool) -> None:
        console.print(Text(f"Rehearsed on {rows_text(rehearsal.contract.rows)}:"))
        console.print()
        console.print(_inputs_table(rehearsal))
        contract = rehearsal.contract
        if contract.rejected:
            console.print()
            console.print(
                Text(f"{rows_text(contract.rejected)} ({percent(contract.share)}) would be rejected:", "bold yellow")
            )
            for line in reject_lines(contract.rejects):
                console.print(Padding(Text(printable(line)), (0, 0, 0, 2)))
            for line in mend_lines(contract):
                console.print(Text(printable(line)), soft_wrap=True)
        if rehearsal.scores:
            console.print()
            console.print(_scores_table(rehearsal))
        for found in rehearsal.scores.values():
            for line in (found.problem or "").splitlines():
                console.print(Text(printable(line), style="red"), soft_wrap=True)
        for agreement in rehearsal.agreement:
            fine = agreement.compared and agreement.agree == agreement.compared
            console.print(Text(printable(agreement_sentence(agreement)), style="green" if fine else "yellow"))

    return rendered(show, width, color, unicode)


def _inputs_table(rehearsal: Rehearsal) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("input", overflow="fold")
    table.add_column("tensor, logged", overflow="fold")
    table.add_column("nulls", justify="right", no_wrap=True)
    table.add_column("shape, values", overflow="fold")
    table.add_column("accepted", justify="right", no_wrap=True)
    grouped = sum(len(entry.features) for entry in rehearsal.inputs) > GROUPED_FROM
    for entry in rehearsal.inputs:
        shape = ", ".join(["batch", *map(str, entry.shape)])
        head = (printable(entry.name), entry.dtype, "", f"({shape}{',' if not entry.shape else ''})")
        table.add_row(*(Text(cell, "bold") for cell in head))
        if entry.made_of is not None:
            table.add_row(Text(f"  {printable(entry.made_of)}"))
        for line in _lines(entry, rehearsal.contract.rows, grouped=grouped):
            cells = (f"  {line.name}", line.logged, line.nulls, line.values, line.accepted)
            table.add_row(*(Text(printable(cell)) for cell in cells), style=line.style)
    return table


def _lines(entry: InputFacts, rows: int, *, grouped: bool) -> Iterator[_Line]:
    if not grouped:
        yield from (_line(feature, rows) for feature in entry.features)
        return
    telling = sorted((each for each in entry.features if _tells(each, rows)), key=lambda each: each.accepted)
    shown = {each.name for each in telling[:_TELLING]}
    yield from (_line(each, rows) for each in telling[:_TELLING])
    groups: dict[tuple[str, bool, bool], list[FeatureFacts]] = {}
    for each in entry.features:
        if each.name not in shown:
            groups.setdefault((each.logged, _tells(each, rows), each.distinct is not None), []).append(each)
    for members in groups.values():
        yield _line(members[0], rows) if len(members) == 1 else _group(members, rows)


def _tells(feature: FeatureFacts, rows: int) -> bool:
    """Whether there is more to say of a feature than its range."""
    return feature.accepted < rows or feature.nulls == rows or feature.constant is not None


def _line(feature: FeatureFacts, rows: int) -> _Line:
    style = "red" if feature.accepted < rows else "yellow" if _tells(feature, rows) else ""
    return _Line(
        feature.name,
        feature.logged,
        _share(feature.nulls, rows),
        _values(feature, rows),
        _share(feature.accepted, rows),
        style,
    )


def _group(members: Sequence[FeatureFacts], rows: int) -> _Line:
    """Features that are alike, by their extremes."""
    lows = [each.low for each in members if each.low is not None]
    highs = [each.high for each in members if each.high is not None]
    values = _span(min(lows, default=None), max(highs, default=None))
    if not values and members[0].distinct is not None:
        most = max(each.distinct or 0 for each in members)
        values = f"up to {count(most)} distinct"
    nulls = sorted({min(each.nulls for each in members), max(each.nulls for each in members)})
    accepted = min(each.accepted for each in members)
    return _Line(
        f"{members[0].name} ... {members[-1].name} ({count(len(members))})",
        members[0].logged,
        " to ".join(_share(amount, rows) for amount in nulls),
        values,
        _share(accepted, rows),
        "red" if accepted < rows else "",
    )


def _share(amount: int, rows: int) -> str:
    return percent(amount / rows if rows else 0.0)


def _values(feature: FeatureFacts, rows: int) -> str:
    if rows and feature.nulls == rows:
        return "null in every row"
    if feature.constant is not None:
        return f"{feature.constant} in every row"
    if feature.distinct is not None:
        text = f"{count(feature.distinct)} distinct"
    else:
        text = _span(feature.low, feature.high) or "no number"
    if feature.longest is not None:
        text += f", up to {count(feature.longest)} long"
    return text


def _span(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return number(low) if low == high else f"{number(low)} to {number(high)}"


def _scores_table(rehearsal: Rehearsal) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("checkpoint", overflow="fold")
    for title in ("lowest", "mean", "highest", "not finite"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, found in rehearsal.scores.items():
        if found.problem is not None:
            table.add_row(Text(printable(name)), Text("failed", "bold red"))
            continue
        cells = (number(found.low), number(found.mean), number(found.high), count(found.non_finite))
        table.add_row(Text(printable(name)), *(Text(cell) for cell in cells))
    return table
