"""Where the values of a config come from: a line of the file, or an option of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from replay.config.messages.finding import Finding, KeyPath, render_path
from replay.config.yaml.places import TextPlace, excerpt_at, split_lines
from replay.errors import Problem
from replay.errors.excerpt import Excerpt

_Value = TypeVar("_Value")

_NAMED = re.compile(r"`([^`]+)`")
_LONGEST_SEARCHED = 10_000


@dataclass(frozen=True)
class Origins:
    """Origins by path. Two configs with the same values are equal wherever the values come from.

    Attributes:
        lines: 1-based line of every key and list entry of the file; of the document itself under ``()``.
        options: Paths that were set on the command line, with the option as it was given.
        places: Where in its line, or in its option, everything stands.
        text: The lines of the file.
    """

    lines: Mapping[KeyPath, int] = field(default_factory=dict, compare=False)
    options: Mapping[KeyPath, str] = field(default_factory=dict, compare=False)
    places: Mapping[KeyPath, TextPlace] = field(default_factory=dict, compare=False)
    text: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def problem(self, finding: Finding) -> Problem:
        """Give a finding its line, or the option that it comes from, and the text that it is about."""
        path = render_path(finding.path)
        if finding.line is not None or not finding.path:
            return Problem(finding.message, path, finding.line, excerpt=finding.excerpt)
        line, option = self.find(finding.path)
        excerpt = self._excerpt(finding.path, finding.message, of_key=finding.of_key)
        if option is not None:
            return Problem(f"{finding.message} (from {option})", path, excerpt=excerpt)
        return Problem(f"{finding.message}{self._also_set(finding.path)}", path, line, excerpt=excerpt)

    def locate(self, problem: Problem) -> Problem:
        """The same for a problem whose path is written out; keys with dots may be quoted in brackets or not."""
        path = self._nearest(problem.path)
        line, option = self.find(path)
        whole = problem.path in (render_path(path), _bare(path))
        excerpt = self._excerpt(path, problem.message, of_key=not whole)
        message = problem.message if option is None else f"{problem.message} (from {option})"
        return replace(problem, message=message, line=line, excerpt=excerpt)

    def find(self, path: KeyPath) -> tuple[int | None, str | None]:
        """The line or the option of a path, or of the nearest one above it."""
        for depth in range(len(path), -1, -1):
            origin = path[:depth]
            if origin in self.options:
                return None, self.options[origin]
            if origin in self.lines:
                return self.lines[origin], None
        return None, None

    def _nearest(self, text: str) -> KeyPath:
        """The path that is written out, or the nearest one above it that is in the config."""
        around = [place for place in (*self.lines, *self.options, *self.places) if place and _covers(place, text)]
        return max(around, key=len, default=())

    def _excerpt(self, path: KeyPath, message: str, *, of_key: bool) -> Excerpt | None:
        """The text of a path, or of the nearest one above it."""
        if not path:
            return None
        near = next((path[:depth] for depth in range(len(path), 0, -1) if path[:depth] in self.places), None)
        if near is None:
            return None
        place = self.places[near]
        option = self.find(near)[1]
        of_key = of_key or near != path
        excerpt = excerpt_at(self.text if option is None else split_lines(option), place.key if of_key else place.shown)
        return excerpt if excerpt is None or of_key else _narrowed(excerpt, message)

    def replaced(
        self,
        path: KeyPath,
        option: str,
        made: tuple[KeyPath, ...] = (),
        places: Mapping[KeyPath, TextPlace] | None = None,
    ) -> Origins:
        """The origins after an option set the value at a path.

        Args:
            path: What was set.
            option: As it was given.
            made: Mappings that it created on the way.
            places: Where in the option what it set stands, by path.
        """
        options = {**without(self.options, path), **dict.fromkeys(made, option), path: option}
        there = {**without(self.places, path), **(places or {})}
        return Origins(without(self.lines, path), options, there, self.text)

    def _also_set(self, path: KeyPath) -> str:
        """Name the options that changed what is below a path: the mistake may lie in them."""
        given = [option for place, option in self.options.items() if path and place[: len(path)] == path]
        return f" (with {', '.join(dict.fromkeys(given))})" if given else ""


def _narrowed(excerpt: Excerpt, message: str) -> Excerpt:
    """The one place in a list or mapping that the message names, where there is one."""
    if excerpt.end - excerpt.start > _LONGEST_SEARCHED or excerpt.text[excerpt.start : excerpt.start + 1] not in "[{":
        return excerpt
    inside = excerpt.text[excerpt.start : excerpt.end]
    for name in _NAMED.findall(message):
        found = list(re.finditer(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", inside))
        if len(found) == 1:
            start = excerpt.start + found[0].start()
            return Excerpt(excerpt.text, start, start + len(name))
    return excerpt


def _bare(place: KeyPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _covers(place: KeyPath, text: str) -> bool:
    forms = (_bare(place), render_path(place))
    return any(text.startswith(form) and text[len(form) :][:1] in ("", ".", "[") for form in forms)


def without(places: Mapping[KeyPath, _Value], path: KeyPath) -> dict[KeyPath, _Value]:
    """All paths but those at or below one."""
    return {place: value for place, value in places.items() if place[: len(path)] != path}
