"""Progress in a notebook: one line of text that is written over, and nothing to install for it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

from replay.report.terminal.pace import Pace
from replay.report.terminal.progress import Progress, make_progress

SECONDS = 0.25
"""Between two texts, at least: each is a message to the browser."""


class NotebookDisplay:
    """A line that is written over while a stage lasts, and stays when it is over.

    Args:
        stream: The cell's standard error.
        interval: Seconds between two texts, at least.
    """

    def __init__(self, stream: TextIO, interval: float = SECONDS) -> None:
        self._stream = stream
        self._interval = interval
        self._last = 0.0
        self._width = 0

    def begin(self, pace: Pace) -> None:
        """Write the stage's first text."""
        self._last = pace.started
        self._write(str(pace))

    def show(self, pace: Pace, now: float) -> None:
        """Write over it, if it is old enough."""
        if now - self._last >= self._interval:
            self._last = now
            self._write(str(pace))

    def end(self, pace: Pace, now: float) -> None:
        """Write what was done in how long, for good."""
        self._write(pace.summary(now), end="\n")

    def note(self, text: str) -> None:
        """Write a line that stays."""
        self._write(text, end="\n")

    def close(self) -> None:
        """End the line of a stage that did not end."""
        if self._width:
            self._stream.write("\n")
            self._stream.flush()
            self._width = 0

    def _write(self, text: str, end: str = "") -> None:
        # What is longer than the next text would show behind it.
        self._stream.write(f"\r{text:<{self._width}}{end}")
        self._stream.flush()
        self._width = 0 if end else len(text)


def in_notebook() -> bool:
    """Whether this is a cell of Jupyter, or of what is built like it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def choose_progress(*, quiet: bool, clock: Callable[[], float] = time.monotonic) -> Progress:
    """How a call from Python shows its work: on a terminal or in a notebook, and not at all in a log or a test.

    Args:
        quiet: Show nothing.
        clock: Seconds, never going back.
    """
    if not quiet and in_notebook():
        return Progress(NotebookDisplay(sys.stderr), clock)
    return make_progress(quiet=quiet or not sys.stderr.isatty(), clock=clock)
