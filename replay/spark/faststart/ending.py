"""A short end of a command's process.

Taking torch's modules apart object by object is more than a second of a core at the end of each command, and leaves
nothing that anyone reads.

Leans on: ``atexit`` calling what was registered first last, after the interpreter has joined its threads.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Callable

from replay.spark.faststart import is_on


def short_ending() -> Callable[[int], None]:
    """Let this process end once everything that is registered after this call has had its turn.

    Threads are joined and exit functions called as ever; only then, where Python would begin to take its modules apart,
    the process ends. Call it first, before anything that registers an exit function is imported.

    Returns:
        What takes the exit code; until it is called the process ends as others do.
    """
    codes: list[int] = []

    def end() -> None:
        if codes and is_on():
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(codes[-1])

    atexit.register(end)
    return codes.append
