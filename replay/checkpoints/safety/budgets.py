"""What looking at one checkpoint may cost, whatever is in it.

A few bytes of a file can ask for much: a deflated pickle of a hundred million opcodes, a list that is copied ten
thousand times. So what is spent on a file is counted over all of its parts, and grows with the size of the file alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from replay.errors import UnsafeCheckpoint

MAX_OPCODES: Final = 50_000_000
"""Of the pickles of a file. More are an attack, or an id map that belongs elsewhere (some ten seconds of walking)."""
MAX_TENSORS: Final = 200_000
"""The largest models that are known have half as many."""
_FREE_OPCODES: Final = 1_000_000
_OPCODES_A_BYTE: Final = 4
_FREE_BYTES: Final = 1 << 28
_BYTES_A_BYTE: Final = 20


class OverBudget(UnsafeCheckpoint):
    """Looking at the file would take more than any checkpoint needs: it is not looked at again, for details either."""


@dataclass
class Budget:
    """What may still be spent on a file.

    Attributes:
        size: Of the file, in bytes.
        opcodes: Of pickles.
        copies: Bytes of what pickles have copied.
    """

    size: int
    opcodes: int
    copies: int


_budget: ContextVar[Budget | None] = ContextVar("budget of a checkpoint", default=None)


@contextlib.contextmanager
def budget_for(size: int) -> Iterator[Budget]:
    """Count what is spent in this thread, until the end, on a file and on all that lies in it.

    Args:
        size: Of the file, in bytes; what is already counted goes on being counted with what is around it.
    """
    around = _budget.get()
    if around is not None:
        yield around
        return
    opcodes = min(_FREE_OPCODES + _OPCODES_A_BYTE * size, MAX_OPCODES)
    made = Budget(size, opcodes, inflatable(size))
    token = _budget.set(made)
    try:
        yield made
    finally:
        _budget.reset(token)


def inflatable(size: int) -> int:
    """To how many bytes a file of a size may unfold: 256 MiB, and twenty times what it has.

    >>> inflatable(10) - inflatable(0)
    200
    """
    return _FREE_BYTES + _BYTES_A_BYTE * size


def opcodes_left() -> int:
    """How many opcodes the next pickle may have."""
    budget = _budget.get()
    return MAX_OPCODES if budget is None else min(MAX_OPCODES, budget.opcodes)


def spend_opcodes(count: int) -> None:
    """Note that a pickle of so many opcodes was walked."""
    budget = _budget.get()
    if budget is not None:
        budget.opcodes -= count


def too_many_opcodes() -> OverBudget:
    """What to say where there are more than that."""
    budget = _budget.get()
    if budget is None or _FREE_OPCODES + _OPCODES_A_BYTE * budget.size >= MAX_OPCODES:
        return OverBudget(f"its pickles have more than {MAX_OPCODES:,} opcodes")
    return OverBudget(
        f"its pickles have more than {_FREE_OPCODES + _OPCODES_A_BYTE * budget.size:,} opcodes, the most that is"
        f" read of a file of {budget.size:,} bytes (a bomb). Where it is none, save it again with torch, which does not"
        " compress"
    )


def spend_copy(size: int) -> None:
    """Note that a pickle has a value copied.

    Args:
        size: In bytes, or about that.

    Raises:
        OverBudget: All copies are together more than the file may unfold to.
    """
    budget = _budget.get()
    if budget is None:
        return
    budget.copies -= size
    if budget.copies < 0:
        raise OverBudget(
            f"its pickle copies values to more than {inflatable(budget.size):,} bytes, the most for a file of"
            f" {budget.size:,} (a memory bomb)"
        )


def check_tensors(count: int, place: str) -> None:
    """Refuse more tensors than any model has.

    Args:
        count: How many there are.
        place: The file, for the message.
    """
    if count > MAX_TENSORS:
        raise OverBudget(f"{place}: it holds {count:,} tensors, at most {MAX_TENSORS:,} are read")
