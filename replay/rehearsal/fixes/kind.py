"""What a kind of fix is, and the registry in which all kinds are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from replay.registry import Registry
from replay.rehearsal.fixes.contract import Contract

if TYPE_CHECKING:
    from replay.rehearsal.fixes.bench import Answers, Bench, Integers


class FixKind:
    """One kind of mistake in a contract, and how it is mended. A kind does one of the two below; this one does nothing.

    Attributes:
        for_some: Whether it may be about few of the rows, so that it is tried where most rows agree as well.
    """

    for_some = False

    def read(self, bench: Bench, answers: Answers, contract: Contract, rows: Integers) -> Iterable[Contract]:
        """Other ways to read the model's answer, or to compare it, that cost no scoring.

        Args:
            bench: What online answered.
            answers: The model's, to the rows, under the contract's inputs.
            contract: Read so far.
            rows: ``(k,)``.
        """
        return ()

    def propose(self, bench: Bench, contract: Contract) -> Iterable[Contract]:
        """Other ways in which logged columns become the model's inputs, the likeliest dozen.

        Args:
            bench: Where many can be screened.
            contract: What was mended before.
        """
        return ()


FIXES: Registry[FixKind] = Registry("kind of fix", "replay.rehearsal.fixes.kinds")
"""Kinds by name, the commonest first. Those that read an answer build on each other in this order."""


def register(name: str, *, rank: int) -> Callable[[type[FixKind]], type[FixKind]]:
    """Give a kind its name.

    Args:
        name: Unique.
        rank: Its place: the commonest first; where several explain as much, the one with the least is said.

    Raises:
        ValueError: The name is taken.
    """

    def add(kind: type[FixKind]) -> type[FixKind]:
        FIXES.register(name, kind(), rank=rank)
        return kind

    return add
