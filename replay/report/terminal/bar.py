"""Progress as a bar with a clock, on a terminal."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from replay.errors.printable import printable_lines
from replay.report.terminal.pace import Pace


class BarDisplay:
    """One bar with a clock on a terminal, gone when the run is over.

    Args:
        stream: The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        console = Console(file=stream, stderr=True)
        columns = (BarColumn(bar_width=20), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
        self._bars = Progress(*columns, console=console, transient=True)
        self._task: TaskID | None = None

    def begin(self, pace: Pace) -> None:
        """Start a bar."""
        self._task = self._bars.add_task(str(pace), total=pace.total)
        self._bars.start()

    def show(self, pace: Pace, now: float) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bars.update(self._task, completed=pace.done, description=str(pace))

    def end(self, pace: Pace, now: float) -> None:
        """Take the stage's bar away: there is one at a time."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None

    def note(self, text: str) -> None:
        """Write a line above the bar."""
        self._bars.console.print(f"replay: {printable_lines(text)}", markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self._bars.stop()
