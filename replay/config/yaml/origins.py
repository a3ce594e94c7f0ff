"""Where the values of a config come from: a line of the file, or an option of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from replay.config.messages.finding import Finding, KeyPath, render_path
from replay.errors import Problem

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Origins:
    """Origins by path. Two configs with the same values are equal wherever the values come from.

    Attributes:
        lines: 1-based line of every key and list entry of the file; of the document itself under ``()``.
        options: Paths that were set on the command line, with the option as it was given.
    """

    lines: Mapping[KeyPath, int] = field(default_factory=dict, compare=False)
    options: Mapping[KeyPath, str] = field(default_factory=dict, compare=False)

    def problem(self, finding: Finding) -> Problem:
        """Give a finding its line, or the option that it comes from."""
        path = render_path(finding.path)
        if finding.line is not None or not finding.path:
            return Problem(finding.message, path, finding.line)
        line, option = self.find(finding.path)
        if option is not None:
            return Problem(f"{finding.message} (from {option})", path)
        return Problem(f"{finding.message}{self._also_set(finding.path)}", path, line)

    def find(self, path: KeyPath) -> tuple[int | None, str | None]:
        """The line or the option of a path, or of the nearest one above it."""
        for depth in range(len(path), -1, -1):
            origin = path[:depth]
            if origin in self.options:
                return None, self.options[origin]
            if origin in self.lines:
                return self.lines[origin], None
        return None, None

    def find_text(self, text: str) -> tuple[int | None, str | None]:
        """The same for a path that is written out; keys with dots may be quoted in brackets or not."""
        around = [place for place in (*self.lines, *self.options) if place and _covers(place, text)]
        return self.find(max(around, key=len, default=()))

    def replaced(self, path: KeyPath, option: str, made: tuple[KeyPath, ...] = ()) -> Origins:
        """The origins after an option set the value at a path, and created mappings (``made``) on the way."""
        options = {**without(self.options, path), **dict.fromkeys(made, option), path: option}
        return Origins(without(self.lines, path), options)

    def _also_set(self, path: KeyPath) -> str:
        """Name the options that changed what is below a path: the mistake may lie in them."""
        given = [option for place, option in self.options.items() if path and place[: len(path)] == path]
        return f" (with {', '.join(dict.fromkeys(given))})" if given else ""


def _covers(place: KeyPath, text: str) -> bool:
    bare = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
    return any(text.startswith(form) and text[len(form) :][:1] in ("", ".", "[") for form in (bare, render_path(place)))


def without(places: Mapping[KeyPath, _Value], path: KeyPath) -> dict[KeyPath, _Value]:
    """All paths but those at or below one."""
    return {place: value for place, value in places.items() if place[: len(path)] != path}
