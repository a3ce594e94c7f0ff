"""What is made of a checkpoint's files once, for many checkpoints that are made of it one after the other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar, cast

Made = TypeVar("Made")

_in_use: ContextVar[dict[Hashable, object] | None] = ContextVar("made of files", default=None)


class OpenedSources:
    """Files that were read, and programs that were loaded, for a search that makes many checkpoints of the same few.

    Whether a file still is what was examined is asked at every opening all the same. Tensors of what is made here share
    memory with one another: a model that writes to its own weights while it scores would write to those of others.
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, object] = {}

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Look here first, in this thread."""
        token = _in_use.set(self._made)
        try:
            yield
        finally:
            _in_use.reset(token)


def make_once(key: Hashable, make: Callable[[], Made]) -> Made:
    """What was made under a key where :class:`OpenedSources` are in use; made anew where none are.

    Args:
        key: Says all that it is made of: the hash of the files among it.
        make: Makes it.
    """
    made = _in_use.get()
    if made is None:
        return make()
    if key not in made:
        made[key] = make()
    return cast("Made", made[key])
