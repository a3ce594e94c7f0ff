"""What is found or made once and used again, for as long as somebody says so: a search that opens many checkpoints.

A hundred checkpoints that are made of the same few files read each file once; to look up what the code of one factory
consists of, a quarter of a second in a package of a thousand files, takes one walk.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar, cast

Made = TypeVar("Made")

_in_use: ContextVar[dict[Hashable, tuple[Hashable, object]] | None] = ContextVar("memo", default=None)


class Memo:
    """What was made while it was in use, by any number of makers.

    Where it is in use, code that changes on disk counts as it was found first; whether a checkpoint's file still is
    what was examined is asked at every opening all the same. Tensors of what is kept share memory with one another: a
    model that writes to its own weights while it scores would write to those of others.
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, tuple[Hashable, object]] = {}

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Look here first, in this thread."""
        token = _in_use.set(self._made)
        try:
            yield
        finally:
            _in_use.reset(token)


def remembered(key: Hashable, make: Callable[[], Made], *, seen: Hashable = None) -> tuple[Made, bool]:
    """What was made under a key where a :class:`Memo` is in use, else made anew, and whether that was before.

    Args:
        key: Says all that it is made of, and what it is: its maker's name, and the hash of the files among it.
        make: Makes it.
        seen: What may change while a memo is in use: where that is not what it was, it is made anew.
    """
    kept = _in_use.get()
    if kept is None:
        return make(), False
    before = kept.get(key)
    if before is not None and before[0] == seen:
        return cast("Made", before[1]), True
    made = make()
    kept[key] = (seen, made)
    return made, False
