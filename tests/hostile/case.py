"""What a hostile case is: how its files are made, the command that meets them, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CANARY = "canary"
"""Made in the folder of a case by whatever of its input is run."""


@dataclass(frozen=True)
class Hostile:
    """One attack, and what a person must be told.

    Attributes:
        name: In words.
        make: Writes its files into an empty folder.
        code: Exit code of the command.
        says: What its output holds.
        arguments: The command, run in that folder.
        seconds: Processor time that it may take.
        megabytes: Memory that it may take beyond what the libraries do.
        characters: That it may print.
        hides: What must not begin a line of its output.
    """

    name: str
    make: Callable[[Path], object]
    code: int
    says: tuple[str, ...]
    arguments: tuple[str, ...] = ("inspect", "model.pt")
    seconds: float = 10
    megabytes: int = 600
    characters: int = 50_000
    hides: str = ""

    def __str__(self) -> str:
        return self.name.replace(" ", "_")
