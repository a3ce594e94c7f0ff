"""Code of somebody else's that does not come back: it ends the process, or the process ends under it.

``os._exit`` ends a process without a word, and with any exit code: a command would look as if it were done. In code
that runs here it is an error like another one. Where the process crashes or is killed under such code, a copy of it
that goes on for a moment can tell which code that was.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

_end_process = os._exit
_BYTES = 1024


class _Running(threading.local):
    """Whether this thread runs such code, in which process."""

    process = 0


_running = _Running()
_note: list[tuple[int, mmap.mmap]] = []
"""The process that writes what it runs, and where; a copy of it reads that."""


class CodeExited(Exception):
    """Code that was called would have ended the process."""


@contextmanager
def running(what: str) -> Iterator[None]:
    """Run code of somebody else's.

    Args:
        what: The code, in words: ``factory models.py:build of checkpoint 'prod'``.

    Raises:
        CodeExited: It called ``os._exit``. A process that it forked may.
    """
    os._exit = _exit
    outer, _running.process = _running.process, os.getpid()
    before = _write(what)
    try:
        yield
    finally:
        _running.process = outer
        _write(before)


def let_survivor_know() -> None:
    """From now on a copy that is made of this process can tell by :func:`last_run` what this one runs."""
    _note[:] = [(os.getpid(), mmap.mmap(-1, _BYTES))]


def last_run() -> str:
    """In a copy: what the process ran that let it know; empty where that was nothing of somebody else's."""
    return "".join(memory[:].rstrip(b"\0").decode(errors="replace") for _, memory in _note)


def end_process(status: int) -> NoReturn:
    """End this process at once, on purpose, whatever it runs: ``os._exit`` as it was."""
    _write("")
    _end_process(status)


def _exit(status: int) -> NoReturn:
    if _running.process == os.getpid():
        raise CodeExited(f"it called os._exit({status})")
    end_process(status)


def _write(what: str) -> str:
    """Note what runs; what stood there before."""
    for process, memory in _note:
        if process == os.getpid():
            before = last_run()
            memory[:] = what.encode(errors="replace")[:_BYTES].ljust(_BYTES, b"\0")
            return before
    return ""
