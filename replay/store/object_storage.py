"""Small files of a run on an object store, by Arrow's file systems: what is put there is there at once and whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyarrow import fs

from replay.errors import OutputConflict, RunFailed
from replay.files.places import open_filesystem
from replay.files.reading import entry_names, require_bucket
from replay.files.reasons import plain_reason

_PAUSES = (0.2, 1.0, 3.0)
"""Seconds before a file is read again."""


class ObjectStorage:
    """A directory on an object store: all objects under a prefix.

    Args:
        path: Its URL.

    Raises:
        OSError: Arrow cannot reach it.
        ValueError: Arrow knows no such URL.
    """

    def __init__(self, path: str) -> None:
        self.path = path.rstrip("/")
        self._files, self._place = open_filesystem(self.path)

    def names(self) -> list[str]:
        """See :class:`replay.store.Storage`."""
        with self._looking():
            found = entry_names(self.path)
            if not found:
                require_bucket(self.path)
            return found

    def read(self, name: str) -> str | None:
        """See :class:`replay.store.Storage`."""
        with self._looking():
            for pause in (*_PAUSES, None):
                try:
                    with self._files.open_input_stream(f"{self._place}/{name}") as file:
                        # Azure shows a file that is being written, as an empty one. No file of a run is empty.
                        return bytes(file.read()).decode(errors="replace") or None
                except FileNotFoundError:
                    return None
                except OSError as error:
                    # What a store says that is too busy does not fit into the memory for a smaller file, and so Arrow
                    # takes it for a failure of its own, which it does not try again.
                    if pause is None or "response stream" not in str(error):
                        raise
                    time.sleep(pause)
            return None

    def write(self, name: str, text: str) -> None:
        """See :class:`replay.store.Storage`."""
        with self._changing(name), self._files.open_output_stream(f"{self._place}/{name}") as file:
            file.write(text.encode())

    def delete(self, name: str) -> None:
        """See :class:`replay.store.Storage`."""
        path = f"{self._place}/{name}"
        with self._changing(name):
            kind = self._files.get_file_info(path).type
            if kind == fs.FileType.Directory:
                self._files.delete_dir(path)
            elif kind != fs.FileType.NotFound:
                self._files.delete_file(path)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputConflict(
                f"{self.path} cannot be read: {plain_reason(self.path, error)}; give another output, or give this "
                "process access to it"
            ) from error

    @contextmanager
    def _changing(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunFailed(f"{self.path}/{name} cannot be written: {plain_reason(self.path, error)}") from error
