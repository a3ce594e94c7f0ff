"""A private directory for what this process and its children leave on a disk only while they live.

It is this user's alone and has a name that nobody knows before. A lock of the system, which the JVM holds as well, says
that somebody lives who uses it: it ends with the last of them, however they end. What was left is removed by the next
process that makes one, and nothing else is.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from replay.files.locks import is_locked

_PREFIX: Final = "replay-process-"
_LOCK, _KEPT = "lock", "kept"
_UNMADE_SECONDS: Final = 60.0
"""A directory without a lock is being made, or removed, for at most so long."""
_KEPT_SECONDS: Final = 24 * 3600.0
"""So long may somebody want to read a file that an error has named."""
_ASK_SECONDS: Final = 0.1


@dataclass(frozen=True)
class _Made:
    """A directory of this process, and the descriptor of its lock."""

    path: Path
    lock: int


_made: dict[str, _Made] = {}
"""By where they were made."""
_maker: list[int] = []
"""The process that made them: a fork of it has none."""
_guard = threading.Lock()


def process_directory(root: str | None = None) -> Path:
    """This process's own directory, made when it is first asked for, gone when the process ends.

    Args:
        root: Where; default: the system's directory of temporary files.

    Raises:
        OSError: It cannot be made there.
    """
    with _guard:
        if _maker != [os.getpid()]:
            _made.clear()
            _maker[:] = [os.getpid()]
            atexit.register(remove_own, os.getpid())
        place = root or tempfile.gettempdir()
        if place not in _made:
            _made[place] = _make(place)
        return _made[place].path


def own_directory(path: str) -> Path:
    """A directory of this process: the one at a path, where that is one; else that of the system's temporary files."""
    with _guard:
        own = [made.path for made in _made.values()] if _maker == [os.getpid()] else []
    return next((each for each in own if str(each) == path), None) or process_directory()


def held_locks() -> tuple[int, ...]:
    """Descriptors that a child has to inherit which uses the directories: then they are there as long as it lives."""
    return tuple(made.lock for made in _made.values())


def keep(name: str) -> None:
    """Let a file of the directory stay for a day after the process: an error names it.

    Args:
        name: Of the file, in the directory.
    """
    with suppress(OSError):
        (process_directory() / _KEPT).write_text(name)


def remove_own(process: int | None = None) -> None:
    """Remove this process's directories; the next process does, where a child still writes.

    Args:
        process: Nothing happens in another one, a fork of it.
    """
    if process is not None and process != os.getpid():
        return
    for made in list(_made.values()):
        _clear(made.path)
    sweep()


def sweep() -> None:
    """Remove what processes of this user that no longer live have left where this one has directories."""
    for place in list(_made):
        for path in _found(place):
            with suppress(OSError):
                if _is_left(path):
                    shutil.rmtree(path, ignore_errors=True)


def remove_when_left(path: Path, within_seconds: float) -> None:
    """Wait until nobody uses a directory of another process, and remove it; leave it where that takes too long.

    Args:
        path: The directory.
        within_seconds: What is too long.
    """
    deadline = time.monotonic() + within_seconds
    with suppress(OSError):
        while not _is_unlocked(path / _LOCK) and time.monotonic() < deadline:
            time.sleep(_ASK_SECONDS)
        if _is_unlocked(path / _LOCK):
            _clear(path)


def _make(place: str) -> _Made:
    path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    lock = os.open(path / f".{_LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with suppress(OSError):  # on a disk without locks nobody else can tell, and removes nothing
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (path / f".{_LOCK}").rename(path / _LOCK)  # who finds it finds it locked
    return _Made(path, lock)


def _found(place: str) -> Iterator[Path]:
    """Directories of processes of this user."""
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_uid == os.getuid():
                        yield Path(entry.path)


def _is_left(path: Path) -> bool:
    if (path / _KEPT).exists():
        return _age(path / _KEPT) > _KEPT_SECONDS
    if not (path / _LOCK).exists():
        return _age(path) > _UNMADE_SECONDS
    return _is_unlocked(path / _LOCK)


def _is_unlocked(lock: Path) -> bool:
    """Whether nobody holds a lock.

    Raises:
        OSError: There is none.
    """
    return not is_locked(lock, os.O_RDWR | os.O_NOFOLLOW)


def _age(path: Path) -> float:
    return time.time() - path.lstat().st_mtime


def _clear(path: Path) -> None:
    """Remove a directory, all but the file that is kept."""
    kept = path / _KEPT
    if not kept.exists():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        stays = {_KEPT, kept.read_text()}
        for entry in path.iterdir():
            if entry.name not in stays:
                shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
