"""What a part of the bench is told."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BenchOptions:
    """The command line's.

    Attributes:
        rows: Rows of the largest run.
        repeats: Turns of which the least counts.
        directory: Where tables and models are kept.
        contenders: Of whole commands, by their short names; None: a part's own choice.
    """

    rows: int
    repeats: int
    directory: Path
    contenders: tuple[str, ...] | None = None


def say(text: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
