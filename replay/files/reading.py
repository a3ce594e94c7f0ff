"""Directories listed and files read, on this machine by its own calls, elsewhere by Arrow's file systems."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from replay.files.kinds import odd_kind
from replay.files.places import local_path, open_filesystem

if TYPE_CHECKING:
    import pyarrow as pa


class FileStatus(NamedTuple):
    """A file as its store has it.

    Attributes:
        path: As it was asked for, or with what it was listed under in front.
        size: Bytes.
        modified: Nanoseconds since 1970 of the last change.
    """

    path: str
    size: int
    modified: int


def is_directory(path: str) -> bool:
    """Whether there is a directory; on an object store, whether anything lies under the path.

    Raises:
        OSError: It cannot be told.
    """
    local = local_path(path)
    if local is not None:
        return Path(local).is_dir()
    from pyarrow import fs

    filesystem, place = open_filesystem(path)
    return bool(filesystem.get_file_info(place).type == fs.FileType.Directory)


def exists(path: str) -> bool:
    """Whether there is a file or a directory.

    Raises:
        OSError: It cannot be told.
    """
    local = local_path(path)
    if local is not None:
        return Path(local).exists()
    from pyarrow import fs

    filesystem, place = open_filesystem(path)
    return bool(filesystem.get_file_info(place).type != fs.FileType.NotFound)


def entry_names(directory: str) -> list[str]:
    """Names of what a directory holds, sorted; none where there is no directory.

    Raises:
        OSError: It cannot be listed.
    """
    local = local_path(directory)
    if local is not None:
        return sorted(entry.name for entry in Path(local).iterdir()) if Path(local).is_dir() else []
    from pyarrow import fs

    filesystem, place = open_filesystem(directory)
    found = filesystem.get_file_info(fs.FileSelector(place, allow_not_found=True))
    return sorted(info.base_name for info in found if info.path.rstrip("/") != place)


def require_bucket(path: str) -> None:
    """Refuse a URL of a bucket that is not there: nothing is listed in it, as in an empty one.

    Raises:
        OSError: It is not there, or cannot be asked about.
    """
    from pyarrow import fs

    filesystem, place = open_filesystem(path)
    bucket = place.partition("/")[0]
    if filesystem.get_file_info(bucket).type == fs.FileType.NotFound:
        raise FileNotFoundError(f"Bucket '{bucket}' not found")


def list_below(directory: str) -> list[FileStatus]:
    """All files under a directory that is not on this machine, however deep, sorted by path.

    Raises:
        OSError: It cannot be listed.
    """
    from pyarrow import fs

    filesystem, place = open_filesystem(directory)
    root = directory.rstrip("/")
    found = filesystem.get_file_info(fs.FileSelector(place, allow_not_found=True, recursive=True))
    files = (info for info in found if info.type == fs.FileType.File)
    return sorted(FileStatus(f"{root}{info.path.removeprefix(place)}", info.size, info.mtime_ns) for info in files)


def file_status(path: str) -> FileStatus:
    """Size and time of change of a file.

    Raises:
        OSError: There is none, or its store cannot be asked.
    """
    local = local_path(path)
    if local is not None:
        status = Path(local).stat()
        return FileStatus(path, status.st_size, status.st_mtime_ns)
    from pyarrow import fs

    filesystem, place = open_filesystem(path)
    info = filesystem.get_file_info(place)
    if info.type != fs.FileType.File:
        raise FileNotFoundError(2, "No such file", path)
    return FileStatus(path, info.size, info.mtime_ns)


def open_input(path: str) -> pa.NativeFile:
    """Open a file to read anywhere in it.

    Raises:
        OSError: There is none, or it cannot be read.
    """
    import pyarrow as pa

    local = local_path(path)
    if local is not None:
        if (kind := odd_kind(local)) is not None:
            raise OSError(errno.EINVAL, f"found {kind}, expected a file", path)
        return pa.OSFile(local)
    filesystem, place = open_filesystem(path)
    return filesystem.open_input_file(place)


def read_bytes(path: str) -> bytes:
    """Read a file whole.

    Raises:
        OSError: There is none, or it cannot be read.
    """
    with open_input(path) as file:
        return bytes(file.read())
