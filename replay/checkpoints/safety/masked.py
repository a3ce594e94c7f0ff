"""A file with some of its bytes replaced, for a library that would read them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from replay.checkpoints.held import name_of


class MaskedFile(io.RawIOBase):
    """A file to be read, over which other bytes are laid.

    Args:
        path: A local file.
        patches: Positions in it, and the bytes that stand there instead.
    """

    def __init__(self, path: Path, patches: Sequence[tuple[int, bytes]]) -> None:
        super().__init__()
        self._file = Path(name_of(path)).open("rb", buffering=0)  # noqa: SIM115, closed with this
        self._patches = patches

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See :meth:`io.IOBase.seek`."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """See :meth:`io.IOBase.tell`."""
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        """See :meth:`io.RawIOBase.readinto`."""
        view = memoryview(buffer).cast("B")
        start = self._file.tell()
        count = self._file.readinto(view) or 0
        for place, content in self._patches:
            first, last = max(place, start), min(place + len(content), start + count)
            if first < last:
                view[first - start : last - start] = content[first - place : last - place]
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
