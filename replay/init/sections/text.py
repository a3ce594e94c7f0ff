"""Lines of a drafted config: YAML that fits the page, with comments that say why."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from replay.config import NoMatch, expand_globs
from replay.init.inputs import DraftInput

COMMENT_COLUMN = 42
WIDEST = 116


def line(text: str, comment: str) -> str:
    """A line with a comment; long ones stay whole, for a comment may not go over two lines."""
    return f"{text:<{COMMENT_COLUMN}}  # {comment}"


def comments(text: str, indent: str = "") -> Iterator[str]:
    """A comment over as many lines as it takes."""
    words, room = text.split(), WIDEST - len(indent) - 2
    current = ""
    for word in words:
        if current and len(current) + 1 + len(word) > room:
            yield f"{indent}# {current}"
            current = f"  {word}"
        else:
            current = f"{current} {word}" if current else word
    if current:
        yield f"{indent}# {current}"


def noted(text: str, comment: str) -> Iterator[str]:
    """A line with a comment behind it, or above it where it does not fit."""
    whole = line(text, comment)
    if len(whole) <= WIDEST:
        yield whole
        return
    yield from comments(comment, " " * (len(text) - len(text.lstrip())))
    yield text


def input_lines(entry: DraftInput, names: Sequence[str]) -> Iterator[str]:
    """An entry of ``model.inputs``.

    Args:
        entry: What it says.
        names: All columns of the table, for globs.
    """
    fields = dict(entry.fields)
    if "features" in fields:
        fields["features"] = as_glob(fields["features"], names)
    for note in entry.notes:
        yield from comments(note, "    ")
    whole = flow(fields)
    if len(whole) <= WIDEST - 6:
        yield f"    - {whole}"
        return
    for index, (key, value) in enumerate(fields.items()):
        lead = "    - " if index == 0 else "      "
        yield from _wrapped(f"{lead}{key}: ", value)


def as_glob(features: Sequence[str], names: Sequence[str]) -> list[str]:
    """Write many names as one glob, where it covers these and no others, in this order."""
    prefix = shared_start(features)
    if len(features) > 3 and prefix:
        try:
            covered = expand_globs([f"{prefix}*"], names)
        except NoMatch:
            covered = ()
        if list(covered) == list(features):
            return [f"{prefix}*"]
    return list(features)


def shared_start(names: Sequence[str]) -> str:
    """The characters that all names begin with.

    >>> shared_start(["C1", "C26"])
    'C'
    """
    first, last = min(names), max(names)
    length = next((index for index, sign in enumerate(first) if not last.startswith(first[: index + 1])), len(first))
    return first[:length]


def _wrapped(lead: str, value: Any) -> Iterator[str]:
    """One ``key: value``; a long list or mapping goes over several lines, of mappings one a line."""
    if len(lead) + len(flow(value)) <= WIDEST or not isinstance(value, list | dict):
        yield lead + flow(value)
        return
    if isinstance(value, dict) and any(isinstance(each, list | dict) for each in value.values()):
        yield lead.rstrip()
        for key, each in value.items():
            yield from _wrapped(f"{' ' * 8}{flow(key)}: ", each)
        return
    entries = [flow({key: each})[1:-1] for key, each in value.items()] if isinstance(value, dict) else map(flow, value)
    parts, (opening, closing) = list(entries), "{}" if isinstance(value, dict) else "[]"
    text, indent = f"{lead}{opening}", " " * 10
    for index, part in enumerate(parts):
        word = part + (closing if index == len(parts) - 1 else ", ")
        if len(text) + len(word) > WIDEST and text.strip():
            yield text.rstrip()
            text = indent
        text += word
    yield text


def flow(value: str | int | Sequence[Any] | Mapping[str, Any]) -> str:
    """Write a value as YAML on one line, quoted where it must be.

    >>> flow(["I1", "no", "I*"]), flow({"select": 0})
    ("[I1, 'no', I*]", '{select: 0}')
    """
    text = yaml.safe_dump([value], default_flow_style=True, width=float("inf"), sort_keys=False, allow_unicode=True)
    return text.strip()[1:-1]


def relative(path: str, directory: Path) -> str:
    """A local path as seen from a directory, if it is near; URLs and far paths as they are."""
    if "://" in path:
        return path
    absolute = os.path.abspath(path)  # noqa: PTH100, collapses `..`
    near = os.path.relpath(absolute, directory)
    return absolute if near.startswith(os.path.join("..", "..")) else near  # noqa: PTH118
