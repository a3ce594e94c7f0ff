"""A line of text with a place in it underlined, as compilers show what they complain about."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = 100
"""Columns of an excerpt where nobody says how many there are."""

_GUTTER = 5
_CUT = "..."
_RED, _DIM, _RESET = "\033[1;31m", "\033[2m", "\033[0m"


@dataclass(frozen=True)
class Excerpt:
    """A line, and the place in it that a problem is about.

    Attributes:
        text: The whole line, without its end.
        start: First character of the place, counted from 0.
        end: One past its last character.
    """

    text: str
    start: int
    end: int

    def render(self, line: int | None = None, *, columns: int = COLUMNS, color: bool = False) -> str:
        """Render two lines: the text after its number, and carets under the place.

        Args:
            line: Number of the line, 1-based; None for text that is no line of a file.
            columns: Columns that there are; of a longer line what is around the place is shown.
            color: Whether the carets are red and the numbers dim, by ANSI codes.

        >>> print(Excerpt("  score: scroe", 9, 14).render(3))
            3 |   score: scroe
              |          ^^^^^
        """
        before, place, after = self._near(columns)
        red, dim, reset = (_RED, _DIM, _RESET) if color else ("", "", "")
        number = "" if line is None else str(line)
        return (
            f"{dim}{number:>{_GUTTER}} |{reset} {before}{place}{after}\n"
            f"{dim}{'':>{_GUTTER}} |{reset} {' ' * width(before)}{red}{'^' * max(width(place), 1)}{reset}"
        )

    def _near(self, columns: int) -> tuple[str, str, str]:
        """What is shown: before the place, the place, and after it. Of an endless line only what is near is read."""
        far = 4 * columns
        first = max(self.start - far, 0)
        last = min(self.end, self.start + far)
        text = _printable(self.text[first : last + far])
        return _cut(text, self.start - first, last - first, columns - _GUTTER - 3)


def width(text: str) -> int:
    """Columns of a terminal that a text takes.

    >>> width("abc"), width("日本"), width("e\u0301")
    (3, 4, 1)
    """
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _printable(text: str) -> str:
    """One column for each tab and character that would move the cursor."""
    return "".join(each if each.isprintable() or not _width(each) else " " for each in text)


def _cut(text: str, start: int, end: int, columns: int) -> tuple[str, str, str]:
    """What is before the place, the place, and what is after it, in so many columns."""
    start = min(start, len(text))
    end = max(min(end, len(text)), start)
    if width(text) <= columns:
        return text[:start], text[start:end], text[end:]
    room = max(columns - 2 * len(_CUT), 1)
    end = start + _fitting(text[start:end], room)
    room -= width(text[start:end])
    # As much on the left as on the right, and what one side leaves over for the other.
    right = min(width(text[end:]), max(room // 2, room - width(text[:start])))
    left = start - _fitting(text[:start][::-1], room - right)
    last = end + _fitting(text[end:], right)
    before, after = (_CUT if left else ""), (_CUT if last < len(text) else "")
    return before + text[left:start], text[start:end], text[end:last] + after


def _fitting(text: Sequence[str], columns: int) -> int:
    """How many characters from the start fit."""
    for place, character in enumerate(text):
        columns -= _width(character)
        if columns < 0:
            return place
    return len(text)
