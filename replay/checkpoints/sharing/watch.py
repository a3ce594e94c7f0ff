"""Weights are mapped from the checkpoint's files: notice when one is overwritten under them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from replay.checkpoints.held import name_of
from replay.errors import CorruptCheckpoint

_SECONDS = 1.0


class FileWatch:
    """Compares files with what they were, at most once a second.

    A file that was deleted or replaced by another one is no harm: what is mapped stays. One that was written to in
    place has changed the weights that are being used.

    Args:
        name: The checkpoint's, for messages.
        paths: Its files, just verified.
    """

    def __init__(self, name: str, paths: Iterable[str]) -> None:
        self._name = name
        self._seen = {path: _state(name_of(path)) for path in paths}
        self._next = time.monotonic() + _SECONDS

    def check(self) -> None:
        """Look, if it is time.

        Raises:
            CorruptCheckpoint: A file was overwritten in place.
        """
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _SECONDS
        path = self.overwritten()
        if path is not None:
            raise CorruptCheckpoint(
                f"checkpoint {self._name!r}: {path} was overwritten while in use, so scores would mix two models: "
                "write a new checkpoint under another name and rename it into place, then run again"
            )

    def overwritten(self) -> str | None:
        """A file that was overwritten in place, by a look now; None where there is none."""
        for path, before in self._seen.items():
            after = _state(path)
            if before is not None and after is not None and before[:2] == after[:2] and before != after:
                return path
        return None


def _state(path: str) -> tuple[int, int, int, int] | None:
    """Device, inode, size and time of the last write; None where there is no such file."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
