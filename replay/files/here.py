"""What this process calls files that lie elsewhere: names of its own copies.

A URL is looked up once: from then on it means what it meant first, until :func:`look_again`. A task is told what the
driver's names mean where it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from replay.files.fetching import fetch
from replay.files.model_registry import forget_names
from replay.files.places import local_path

_fetched: dict[str, str] = {}
_given: dict[str, str] = {}
_times = 0


def local_name(path: str) -> str:
    """The name by which this process reads a file; a URL is fetched.

    Args:
        path: A local path, or a URL.

    Returns:
        The path itself where the file lies on this machine.

    Raises:
        FileNotFoundError: There is nothing at a URL.
        OSError: It cannot be fetched.
        ValueError: No file system is known for the URL.
    """
    given = given_name(path)
    if given is not None or local_path(path) is not None:
        return given or path
    if path not in _fetched:
        _fetched[path] = str(fetch(path).path)
    return _fetched[path]


def look_again() -> None:
    """Forget what URLs and names mean: a file may be another one by now. What a task was told stays."""
    global _times
    _times += 1
    _fetched.clear()
    forget_names()


def times_looked() -> int:
    """How often :func:`look_again` was called: what was found before, may be another now."""
    return _times


def tell_names(names: Mapping[str, str]) -> None:
    """Say what the driver's names mean on this machine.

    Args:
        names: This machine's by the driver's, of files and of folders; in place of all that was told before.
    """
    _given.clear()
    _given.update(names)


def given_name(path: str) -> str | None:
    """What a name of the driver's was said to mean on this machine, or that of a folder around it; None: nothing."""
    if not _given:
        return None
    for parent in (path, *_parents(path)):
        if parent in _given:
            return f"{_given[parent]}{path.removeprefix(parent)}"
    return None


def _parents(path: str) -> list[str]:
    if local_path(path) is not None:
        return [str(parent) for parent in PurePosixPath(path).parents]
    found = []
    while "/" in path.partition(":")[2].lstrip("/"):
        path = path.rpartition("/")[0]
        found.append(path)
    return found
