"""What a message says of a path that is not there: the nearest file, or what there is."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from replay.config.messages.wording import listing

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
    except OSError:
        return f"{path}: no such file, and no folder {path.parent}"
    near = get_close_matches(path.name, names, n=1, cutoff=_SIMILAR)
    if near:
        return f"{path}: no such file; did you mean {near[0]}?"
    more = ", ..." if len(names) > _MOST_SHOWN else ""
    return f"{path}: no such file; the folder holds {listing(names[:_MOST_SHOWN]) or 'nothing'}{more}"
