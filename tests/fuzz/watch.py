"""What reading an untrusted input must not do, whatever comes of it."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from replay.checkpoints.safety.words import words
from tests.hostile.forked import WATCHED

SECONDS: Final = 10
MEGABYTES: Final = 2048
LISTED: Final = words(
    "replay torch numpy onnx google safetensors pyarrow yaml pydantic pydantic_core ml_dtypes packaging sympy mpmath"
    " typing_extensions tests fsspec jinja2 markupsafe networkx"
)
"""Packages that may be imported on the way, beside Python's own that are imported at the start."""

_events: list[str] | None = None


class Forbidden(AssertionError):
    """Something was done that reading must not do."""


def _hook(event: str, values: tuple[Any, ...]) -> None:
    if _events is None:
        return
    if event in WATCHED:
        _events.append(event)
    elif event == "open" and isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        _events.append(f"write {values[0]}")


def install() -> None:
    """Watch this process, and bound its memory; neither can be undone."""
    sys.addaudithook(_hook)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (MEGABYTES << 20), resource.RLIM_INFINITY))


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Raise where something is run, written, connected to, or imported that is not listed; or takes too long."""
    global _events
    before = frozenset(sys.modules)
    events = _events = []
    start = time.process_time()
    try:
        yield
    finally:
        _events = None
    if events:
        raise Forbidden(f"did {', '.join(events[:5])}")
    new = {name.partition(".")[0] for name in sys.modules.keys() - before} - sys.stdlib_module_names - LISTED
    known = {name.partition(".")[0] for name in before}
    if new - known:
        raise Forbidden(f"imported {', '.join(sorted(new - known))}")
    if any(
        name in sys.modules.keys() - before for name in ("antigravity", "this", "pip", "pty", "cProfile", "ctypes.util")
    ):
        raise Forbidden("imported what only an attack asks for")
    if time.process_time() - start > SECONDS:
        raise Forbidden(f"took {time.process_time() - start:.0f} seconds")
