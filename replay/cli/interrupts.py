"""Signals: a command that is told to end says so in one line, whatever it is doing, and ends soon."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import click

from replay.errors import EXIT_INTERRUPTED
from replay.errors.no_return import end_process
from replay.spark.java import end_local_jvm

TELLING_SECONDS = 2.0
"""So long may it take to leave word of an interrupt: where it is left may be a store that does not answer."""

GRACE_SECONDS = 3.0
"""So long may the work take to end by itself: it may wait for Spark, which goes on with its jobs."""

_SHOW_CURSOR = "\x1b[?25h"


class Interrupt:
    """What a signal did.

    Args:
        ends_process: The process is the command's own: it ends after a while, whatever goes on in it.
    """

    def __init__(self, *, ends_process: bool) -> None:
        self._came = threading.Event()
        self._ends_process = ends_process
        self._saying = threading.Lock()
        self._said = False
        self._code = EXIT_INTERRUPTED
        self._told: Callable[[int], None] | None = None

    def came(self) -> bool:
        """Whether a signal has come. What its handler raises is lost in a finalizer, and the run fails otherwise."""
        return self._came.is_set()

    def tell(self, told: Callable[[int], None]) -> None:
        """Have somebody told of the exit code, where a signal ends the command."""
        self._told = told

    def say(self) -> int:
        """Say it, once; the exit code."""
        with self._saying:
            if not self._said:
                self._said = True
                text = "interrupted: what was committed is kept; run the same command again to go on from there"
                click.echo(text, err=True)
                self._leave_word(self._code)
                if self._ends_process:
                    end_local_jvm()
        return self._code

    def _leave_word(self, code: int) -> None:
        if self._told is not None:
            telling = threading.Thread(target=self._told, args=(code,), name="replay-interrupt", daemon=True)
            telling.start()
            telling.join(TELLING_SECONDS)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal; the second one ends the process at once."""
        if self._ends_process and self._came.is_set():
            self._end()
        self._code = 128 + number  # as shells have it
        self._came.set()
        _silence()
        if self._ends_process:
            timer = threading.Timer(GRACE_SECONDS, self._end)
            timer.daemon = True
            timer.start()
        raise KeyboardInterrupt

    def _end(self) -> None:
        """End the process as it stands: what it writes is whole or not there, and its JVM ends with it."""
        with contextlib.suppress(OSError, ValueError):
            if sys.stderr.isatty():
                sys.stderr.write(_SHOW_CURSOR)
            self.say()
            sys.stdout.flush()
            sys.stderr.flush()
        end_process(self._code)


_current: Interrupt | None = None


@contextlib.contextmanager
def interruptible(*, ends_process: bool) -> Iterator[Interrupt]:
    """Handle Ctrl-C and a scheduler's SIGTERM alike; a process that was started to ignore one goes on ignoring it.

    Args:
        ends_process: See :class:`Interrupt`. If not, all is put back at the end as it was.
    """
    global _current
    interrupt = _current = Interrupt(ends_process=ends_process)
    before: dict[signal.Signals, Any] = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    disabled, hooks = logging.root.manager.disable, (threading.excepthook, sys.unraisablehook)
    for each, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(each, interrupt.handle)
    try:
        yield interrupt
    finally:
        _current = None
        if not ends_process:
            for each, handler in before.items():
                signal.signal(each, handler)
            logging.disable(disabled)
            threading.excepthook, sys.unraisablehook = hooks


def tell_interrupt(told: Callable[[int], None]) -> None:
    """Have somebody told of the exit code, where a signal ends the command that is under way.

    Args:
        told: Is given the code, in a thread of its own, for a few seconds.
    """
    if _current is not None:
        _current.tell(told)


def _silence() -> None:
    """Py4j logs what a signal interrupts, and threads print what they lose with it: nothing that anyone should read."""
    logging.disable(logging.CRITICAL)
    nothing: Callable[[Any], None] = lambda _: None  # noqa: E731
    threading.excepthook = nothing
    sys.unraisablehook = nothing
