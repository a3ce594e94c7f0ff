"""What a draft guessed and why, and what it leaves to do: for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_WIDEST_WHAT = 44


@dataclass(frozen=True)
class Guess:
    """One thing that was guessed.

    Attributes:
        place: Key of the config, or a word for several.
        what: The value.
        reason: Why.
    """

    place: str
    what: str
    reason: str


@dataclass(frozen=True)
class Draft:
    """A drafted config.

    Attributes:
        text: Of the file.
        source: What was looked at, in one line.
        guesses: What was guessed, in the order of the file.
        todo: What is left to do, or to look at.
    """

    text: str
    source: str
    guesses: tuple[Guess, ...]
    todo: tuple[str, ...]

    def render(self) -> str:
        """Render for a terminal."""
        lines = [self.source, ""]
        lines += _table([(guess.place, _short(guess.what), guess.reason) for guess in self.guesses])
        if self.todo:
            lines += ["", "to do:", *(f"  - {entry}" for entry in self.todo)]
        return "\n".join(lines)


def _short(what: str) -> str:
    return what if len(what) <= _WIDEST_WHAT else f"{what[: _WIDEST_WHAT - 3]}..."


def _table(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    if not rows:
        return []
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"{place:<{first}}  {what:<{second}}  {reason}".rstrip() for place, what, reason in rows]
