"""Progress while a command works: a bar with a clock on a terminal, a line a stage in a log, or nothing; on stderr."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, TextIO

from replay.errors.secrets import redacted
from replay.report.terminal.pace import Pace

LOG_SECONDS = 30.0
_TICK_SECONDS = 1.0


class Display(Protocol):
    """Where progress is shown. Calls never overlap."""

    def begin(self, pace: Pace) -> None:
        """Show that a stage began."""

    def show(self, pace: Pace, now: float) -> None:
        """Show how far a stage is."""

    def end(self, pace: Pace, now: float) -> None:
        """Show that a stage is over."""

    def note(self, text: str) -> None:
        """Say something that stays."""

    def close(self) -> None:
        """Leave the stream as it should stay."""


class Progress:
    """Shows the stages of a run, one after another, and adds up the seconds of each, shown or not.

    It may be entered again while it is open; the outermost ``with`` closes it. `update` may come from another thread.

    Args:
        display: Where to show it; None: nowhere.
        clock: Seconds, never going back.
    """

    def __init__(self, display: Display | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._display = display
        self._clock = clock
        self._pace: Pace | None = None
        self._depth = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._began = self._since = clock()
        self._name = ""
        self._spent: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._depth += 1
        if self._depth == 1 and self._display is not None:
            self._closed.clear()
            threading.Thread(target=self._tick, args=(self._display,), name="replay-clock", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth > 0 or self._display is None:
            return
        self._closed.set()
        with self._lock:
            if kind is None:
                self._end_stage(self._display)
            self._pace = None
            self._display.close()

    def stage(self, name: str, total_rows: int | None = None, unit: str = "rows") -> None:
        """Begin a stage, which ends the one before; a stage that goes on is none.

        Args:
            name: What is done, as in ``scoring``.
            total_rows: Rows to do, or None where it is not known.
            unit: What is counted, where it is not rows.
        """
        if name == self._name and total_rows is None:
            return
        with self._lock:
            now = self._clock()
            self._spent[self._name] = self._spent.get(self._name, 0.0) + now - self._since
            self._name, self._since = name, now
            if self._display is not None:
                self._end_stage(self._display)
                self._pace = Pace(name, total_rows, now, unit=unit, before=now - self._began)
                self._display.begin(self._pace)

    def update(self, done_rows: int, detail: str = "") -> None:
        """Note how many rows of the stage are done in all, and more in words."""
        if self._display is None:
            return
        with self._lock:
            if self._pace is not None:
                now = self._clock()
                self._pace.update(done_rows, now, detail)
                self._display.show(self._pace, now)

    def spent(self) -> dict[str, float]:
        """Seconds by stage so far, the one that goes on included; what was before the first is under an empty name."""
        with self._lock:
            now = self._clock() - self._since
            return {**self._spent, self._name: self._spent.get(self._name, 0.0) + now}

    def _tick(self, display: Display) -> None:
        """Show what goes on while nobody tells: a stage may wait for Spark."""
        while not self._closed.wait(_TICK_SECONDS):
            with self._lock:
                if self._pace is not None and not self._closed.is_set():
                    display.show(self._pace, self._clock())

    def note(self, text: str) -> None:
        """Say something that stays, such as that there is nothing to do."""
        if self._display is not None:
            with self._lock:
                self._display.note(redacted(text))

    def _end_stage(self, display: Display) -> None:
        if self._pace is not None:
            display.end(self._pace, self._clock())


class LineDisplay:
    """Lines for a log, each with a clock: one when a stage begins, one now and then, one when rows are done.

    Args:
        stream: Where to write.
        interval: Seconds between lines, at least.
    """

    def __init__(self, stream: TextIO, interval: float = LOG_SECONDS) -> None:
        self._stream = stream
        self._interval = interval
        self._last = 0.0

    def begin(self, pace: Pace) -> None:
        """Write the stage's first line."""
        self._last = pace.started
        self._write(str(pace), pace, pace.started)

    def show(self, pace: Pace, now: float) -> None:
        """Write a line if the last one is old enough."""
        if now - self._last >= self._interval:
            self._last = now
            self._write(str(pace), pace, now)

    def end(self, pace: Pace, now: float) -> None:
        """Write what was done in how long, where there is more to say than the next line's clock does."""
        if pace.done:
            self._write(pace.summary(now), pace, now)

    def note(self, text: str) -> None:
        """Write a line."""
        self._put(f"replay: {text}")

    def close(self) -> None:
        """Lines stay as they are."""

    def _write(self, text: str, pace: Pace, now: float) -> None:
        self._put(f"replay [{pace.elapsed(now):.1f} s] {text}")

    def _put(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


def make_progress(
    *,
    quiet: bool = False,
    stream: TextIO | None = None,
    interval: float = LOG_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Progress:
    """Choose how progress is shown: nothing if quiet, a bar on a terminal, lines elsewhere.

    Args:
        quiet: Show nothing.
        stream: Where to; default: standard error.
        interval: Seconds between the lines of a log.
        clock: Seconds, never going back.
    """
    if quiet:
        return Progress(None, clock)
    stream = sys.stderr if stream is None else stream
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        from replay.report.terminal.bar import BarDisplay  # a log does without what draws it, which takes a while

        return Progress(BarDisplay(stream), clock)
    return Progress(LineDisplay(stream, interval), clock)
