"""Files that are opened once: what was hashed and checked is what is loaded, whatever is put in its place meanwhile.

Libraries take names of files, and open them again. While files are held, there is a name of each that leads to the very
file that is open, not to what lies under its path by then.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from replay.errors import CheckpointError
from replay.files.kinds import odd_kind

_NAMES: Final = "/proc/self/fd"
"""Where Linux has names for what a process has open."""

_held: ContextVar[Mapping[str, str]] = ContextVar("held files", default={})  # noqa: B039, it is never changed


@contextlib.contextmanager
def held_files(paths: Iterable[str | Path]) -> Iterator[None]:
    """Hold files: in this thread, :func:`name_of` a path leads to what it was at the start.

    A file that cannot be opened is left to who reads it, and so are all where the system has no such names.
    """
    found = dict(_held.get())
    with contextlib.ExitStack() as opened:
        for path in map(str, paths):
            if path not in found and Path(_NAMES).is_dir():
                with contextlib.suppress(OSError):
                    # A pipe is not waited for.
                    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                    opened.callback(os.close, handle)
                    found[path] = f"{_NAMES}/{handle}"
        token = _held.set(found)
        try:
            yield
        finally:
            _held.reset(token)


def name_of(path: str | Path) -> str:
    """What to open to read a file: the path itself, unless the file is held.

    Raises:
        CheckpointError: It is no file, and reading it may never end.
    """
    name = _held.get().get(str(path), str(path))
    if (kind := odd_kind(name)) is not None:
        raise CheckpointError(f"{path}: found {kind}, expected a file")
    return name
