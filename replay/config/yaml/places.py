"""Where keys and values stand in a text: their lines, and the characters that they take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import yaml

from replay.errors.excerpt import Excerpt

# What YAML takes for the end of a line.
_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_COMMENT = re.compile(r"\s#")


@dataclass(frozen=True, slots=True)
class TextSpan:
    """Characters of one line.

    Attributes:
        line: 1-based.
        start: First character, from 0.
        end: One past the last one; None: up to the end of the line, and perhaps further.
    """

    line: int
    start: int
    end: int | None

    @classmethod
    def of(cls, node: yaml.Node) -> TextSpan:
        """Where a node stands, or begins."""
        start, end = node.start_mark, node.end_mark
        return cls(start.line + 1, start.column, end.column if end.line == start.line else None)

    def moved(self, columns: int) -> TextSpan:
        """The same characters in a line that has others before."""
        return TextSpan(self.line, self.start + columns, None if self.end is None else self.end + columns)


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Where a key and its value stand; an entry of a list is its own key."""

    key: TextSpan
    value: TextSpan

    def moved(self, columns: int) -> TextPlace:
        """The same place in a line that has other characters before."""
        return TextPlace(self.key.moved(columns), self.value.moved(columns))

    @property
    def shown(self) -> TextSpan:
        """What is underlined for a wrong value: the value where it begins in the line of its key, else the key."""
        beside = self.value.line == self.key.line and self.value.start != self.value.end
        return self.value if beside else self.key


def split_lines(text: str) -> tuple[str, ...]:
    """The lines of a text, by YAML's own line ends."""
    return tuple(_LINE_END.split(text))


def excerpt_at(lines: tuple[str, ...], span: TextSpan) -> Excerpt | None:
    """The line of a span with its characters; None where the text has no such line.

    >>> excerpt_at(("a: {b: 1, # first",), TextSpan(1, 3, None))
    Excerpt(text='a: {b: 1, # first', start=3, end=9)
    """
    if not 0 < span.line <= len(lines):
        return None
    text = lines[span.line - 1]
    end = _end_of_values(text) if span.end is None else span.end
    return Excerpt(text, span.start, max(end, span.start))


@lru_cache(maxsize=8)
def _end_of_values(line: str) -> int:
    """Where a line ends without its comment."""
    comment = _COMMENT.search(line)
    return len((line if comment is None else line[: comment.start()]).rstrip())
