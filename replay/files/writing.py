"""Files written and directories removed, wherever a path lies."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from replay.files.places import local_path, open_filesystem

if TYPE_CHECKING:
    import pyarrow as pa


def open_output(path: str) -> pa.NativeFile:
    """Open a new file to write; directories above it are made on a disk, and need not be on an object store.

    Raises:
        OSError: It cannot be written.
    """
    filesystem, place = open_filesystem(path)
    if local_path(path) is not None:
        filesystem.create_dir(place.rpartition("/")[0], recursive=True)
    return filesystem.open_output_stream(place)


def remove_directory(path: str) -> None:
    """Remove a directory with all in it, as far as that is possible."""
    filesystem, place = open_filesystem(path)
    with contextlib.suppress(OSError):
        filesystem.delete_dir(place)
