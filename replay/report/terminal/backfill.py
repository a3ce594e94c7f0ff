"""A backfill in a terminal: a line a window."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from replay.errors.printable import printable
from replay.report.backfilled import Backfill
from replay.report.terminal.render import rendered
from replay.report.words.numbers import MISSING, count, time_range

_STYLES = {"passed": "green", "undecided": "bold yellow", "interrupted": "bold yellow"}
_FAILED = "bold red"


def render_backfill(
    done: Backfill, *, width: int | None = None, color: bool | None = None, unicode: bool | None = None
) -> str:
    """Render the windows as a table, and how many there are of each status below.

    Args:
        done: What was done.
        width: See :func:`replay.report.terminal.render.render_terminal`.
        color: See there.
        unicode: See there.

    Returns:
        Lines, each ended by a newline.
    """

    def show(console: Console, _: bool) -> None:
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("window (UTC)", no_wrap=True)
        table.add_column("rows", justify="right", no_wrap=True)
        for name in ("run", "status"):
            table.add_column(name, no_wrap=True)
        table.add_column("headline", overflow="fold")
        for one in done.windows:
            assert one.window.start is not None
            assert one.window.end is not None
            style = _STYLES.get(one.status, _FAILED)
            table.add_row(
                time_range(one.window.start, one.window.end),
                MISSING if one.rows is None else count(one.rows),
                one.how,
                Text(one.status, style=style),
                printable(one.headline),
            )
        if done.windows:
            console.print(table)
        console.print(Text(backfill_counted(done), style="bold"))

    return rendered(show, width, color, unicode)


def backfill_counted(done: Backfill) -> str:
    """How many windows ended how."""
    counts = Counter(one.status for one in done.windows)
    parts = [f"{count(len(done.windows))} of {count(done.planned)} windows", *(f"{n} {s}" for s, n in counts.items())]
    kept = sum(one.how == "kept" for one in done.windows)
    return ", ".join(parts) + (f" ({count(kept)} complete before)" if kept else "")
