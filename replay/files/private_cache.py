"""What the processes of one user share on a machine: a private directory, and a lock around the costly part of opening.

Opening most formats makes a private copy of the weights before they are mapped. One process at a time does so, so that
those copies do not add up.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from replay.files.locks import is_locked

# A skew matrix has dozens of spliced checkpoints, all of them in use at once.
_KEPT_ENTRIES, _MOST_ENTRIES = 8, 128
_MOST_BYTES = 16 << 30
_LOCK = ".lock"
_LEFT_SECONDS = 600.0
"""An entry that is being made is written to more often."""

_kept: dict[str, int] = {}
"""Directories of the cache that this process keeps, each with what it is locked by."""


def private_directory() -> Path | None:
    """A directory that belongs to this user alone and that every process of theirs finds; None where there is none."""
    directory = Path(tempfile.gettempdir()) / f"replay-{os.getuid()}"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError:
        return None
    # Someone else may have made it first, to have us map weights of theirs.
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return directory if private and os.access(directory, os.W_OK) else None


@contextmanager
def opening_lock() -> Iterator[Path | None]:
    """Hold the machine's lock on opening models, as far as there is a directory for it.

    Yields:
        The private directory, or None. Its entries are safe from :func:`prune` while the lock is held.
    """
    directory = private_directory()
    if directory is None:
        yield None
        return
    with locked(directory, "opening"):
        _drop_left(directory)
        yield directory


@contextmanager
def locked(directory: Path, name: str) -> Iterator[None]:
    """Hold a lock of the cache: one process of the machine at a time.

    Args:
        directory: From :func:`private_directory`.
        name: The lock's.
    """
    with (directory / f"{name}{_LOCK}").open("a") as file:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)  # the end of the process, however it comes, gives it back
        yield


def publish(directory: Path, name: str, made: Path) -> Path:
    """Move a finished entry into the cache, in one step, and drop the entries that were used least recently.

    Args:
        directory: From :func:`opening_lock`.
        name: The entry's.
        made: A file or directory beside it, complete.
    """
    target = directory / name
    for file in made.iterdir() if made.is_dir() else (made,):
        with file.open("rb") as written:
            os.fsync(written.fileno())  # a machine that stops now must not leave a file of zeros under this name
    remove(target)
    made.rename(target)
    prune(directory)
    return target


def keep(entry: Path) -> bool:
    """Keep a directory of the cache as long as this process lives, and those that are forked from it.

    Returns:
        Whether it is there.
    """
    if str(entry) not in _kept:
        try:
            handle = os.open(entry, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return False
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_SH)
        _kept[str(entry)] = handle
    touch(entry)
    return entry.is_dir()


def _in_use(entry: Path) -> bool:
    """Whether a process keeps a directory."""
    try:
        return is_locked(entry, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False


def _drop_left(directory: Path) -> None:
    """Remove entries that nobody finishes: whoever made them was killed."""
    for entry in directory.glob(f"{tempfile.gettempprefix()}*"):
        with suppress(OSError):
            files = (entry, *entry.rglob("*")) if entry.is_dir() and not entry.is_symlink() else (entry,)
            if time.time() - max(file.lstat().st_mtime for file in files) > _LEFT_SECONDS:
                remove(entry)


def prune(directory: Path) -> None:
    """Keep the entries that were used last, as many as there is room for, and those that a process keeps.

    A removed file stays mapped where it is.
    """
    entries = [entry for entry in directory.iterdir() if entry.suffix != _LOCK]
    entries.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
    total = 0
    for place, entry in enumerate(entries):
        total += _size(entry)
        if (place >= _MOST_ENTRIES or (place >= _KEPT_ENTRIES and total > _MOST_BYTES)) and not _in_use(entry):
            remove(entry)


def prune_when_free(directory: Path) -> None:
    """The same where no process opens a model just now; else the next one that publishes an entry does it."""
    with (directory / f"opening{_LOCK}").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        prune(directory)


def _size(entry: Path) -> int:
    files = entry.rglob("*") if entry.is_dir() and not entry.is_symlink() else (entry,)
    return sum(file.lstat().st_size for file in files)


def touch(entry: Path) -> None:
    """Mark an entry as used now."""
    with suppress(OSError):
        os.utime(entry)


def remove(entry: Path) -> None:
    """Remove a file or directory, if it is there."""
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)
