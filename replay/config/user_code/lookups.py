"""Keeps what code was found to consist of, for many openings of the same code in a row.

To look it up takes a walk over all files that the code may import: a quarter of a second in a package of a thousand.
A search that opens a hundred checkpoints of one factory takes that walk once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar, cast

Found = TypeVar("Found")

_in_use: ContextVar[dict[Hashable, tuple[Hashable, object]] | None] = ContextVar("code lookups", default=None)


class CodeLookups:
    """What code consists of, as it was found first.

    Where it is in use, code that changes on disk counts as it was. What the code is *seen* to import or read by then
    still counts at once.
    """

    def __init__(self) -> None:
        self._found: dict[Hashable, tuple[Hashable, object]] = {}

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Look things up here first, in this thread."""
        token = _in_use.set(self._found)
        try:
            yield
        finally:
            _in_use.reset(token)


def look_up(name: Hashable, seen: Hashable, find: Callable[[], Found]) -> tuple[Found, bool]:
    """What was found, and whether that was before.

    Args:
        name: Tells it from others.
        seen: What this process has seen the code do: where that is not what it was, it is looked up anew.
        find: Looks it up.
    """
    kept = _in_use.get()
    if kept is None:
        return find(), False
    before = kept.get(name)
    if before is not None and before[0] == seen:
        return cast("Found", before[1]), True
    found = find()
    kept[name] = (seen, found)
    return found, False
