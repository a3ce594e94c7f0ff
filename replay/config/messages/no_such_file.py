"""What a message says of a file that is not there or cannot be read: the nearest file, or what there is."""

from __future__ import annotations

import contextlib
from difflib import get_close_matches
from pathlib import Path

from replay.config.locations import is_local
from replay.config.messages.wording import listing
from replay.files.places import base_name, scheme_of
from replay.files.reading import entry_names, require_bucket
from replay.files.reasons import plain_reason

_MOST_SHOWN = 8
_SIMILAR = 0.4


def no_such_file(path: Path | str) -> str:
    """Say that there is nothing at a path, and what was perhaps meant.

    Args:
        path: Absolute, on this machine.

    >>> no_such_file("/nowhere/prod.pt")
    '/nowhere/prod.pt: no such file, and no folder /nowhere'
    """
    path = Path(path)
    try:
        names = sorted(child.name for child in path.parent.iterdir() if not child.name.startswith("."))
    except (OSError, ValueError):  # ValueError: a zero byte in it
        return f"{path}: no such file, and no folder {path.parent}"
    return _instead(str(path), path.name, names)


def unreadable(path: str, error: Exception) -> str:
    """Say why a file, here or at a URL, cannot be read, in one line and without a secret.

    Args:
        path: Where it should be.
        error: What was raised: by the system, by Arrow's file systems, or while a copy was written.
    """
    if not is_local(path):
        return _not_at_url(path, error)
    return no_such_file(path) if isinstance(error, FileNotFoundError) else f"{path}: {_reason(error)}"


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _not_at_url(url: str, error: Exception) -> str:
    if not isinstance(error, OSError):
        return f"{url}: pyarrow knows no file system for {scheme_of(url)}: ({_first_line(error)})"
    if not isinstance(error, FileNotFoundError):
        return f"{url}: cannot be read: {plain_reason(url, error)}"
    try:
        require_bucket(url)
        names = entry_names(url.rpartition("/")[0])
    except OSError as worse:
        return f"{url}: cannot be read: {plain_reason(url, worse)}"
    return _instead(url, base_name(url), names) if names else f"{url}: no such file, and nothing beside it"


def _first_line(error: Exception) -> str:
    with contextlib.suppress(IndexError):
        return str(error).strip().splitlines()[0]
    return type(error).__name__


def _instead(path: str, name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=1, cutoff=_SIMILAR)
    if near:
        return f"{path}: no such file; did you mean {near[0]}?"
    more = ", ..." if len(names) > _MOST_SHOWN else ""
    return f"{path}: no such file; the folder holds {listing(names[:_MOST_SHOWN]) or 'nothing'}{more}"
