"""``--set a.b[0].c=value``: values from the command line, written over those of the file."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from replay.config.messages.finding import Finding, KeyPath, render_path
from replay.config.messages.wording import describe
from replay.config.yaml.document import Document, YamlError, parse_yaml
from replay.config.yaml.places import TextPlace, TextSpan
from replay.errors.excerpt import Excerpt

_OPTION = "--set "
_PLAIN = re.compile(r"[^.\[\]='\"\s]+")
_INDEX = re.compile(r"\[(\d+)\]")
_QUOTED = re.compile(r"""\['((?:[^']|'')*)'\]|\["([^"]*)"\]""")
_SHAPE = "expected KEY=VALUE, such as traffic.window.start=2026-11-20T10:00:00Z or model.inputs[0].dtype=int64"


class OverrideError(ValueError):
    """An override that cannot be applied; the message says why."""


@dataclass(frozen=True)
class _Step:
    """One step of a path.

    Attributes:
        part: A key, or an index for ``[0]``.
        plain: Written without brackets, so that ``inputs.0`` may be an index, and ``candidate.v2`` one key.
    """

    part: str | int
    plain: bool


def apply_overrides(document: Document, overrides: Iterable[str]) -> Document:
    """Write ``--set`` options over a document, in their order.

    A path goes through mappings by key and through lists by index (``inputs[0]`` or ``inputs.0``); a key with a dot or
    another special character is quoted in brackets (``missing['features.ctr']``), unless it is there already. Mappings
    on the way that are missing are made. The value is YAML; an empty one takes the key's value away.

    Args:
        document: As read from the file; it is not changed.
        overrides: ``KEY=VALUE`` each.

    Returns:
        The document with the values set and their origins noted; overrides that cannot be applied are findings.

    >>> apply_overrides(parse_yaml("diff: {bucket: 1h}"), ["diff.bucket=1min", "seed=7"]).data
    {'diff': {'bucket': '1min'}, 'seed': 7}
    """
    for override in overrides:
        option = f"{_OPTION}{override}"
        try:
            steps, text = _parse(override)
            document = _apply(document, steps, text, option)
        except (OverrideError, YamlError) as error:
            finding = _finding(option, error)
            document = replace(document, findings=(*document.findings, finding))
    return document


def _finding(option: str, error: OverrideError | YamlError) -> Finding:
    """What is wrong with an option: where in its value that is known, else in its key."""
    if isinstance(error, OverrideError):
        end = len(_OPTION) + _parse_steps(option[len(_OPTION) :])[1]
        return Finding((), f"{option}: {error}", excerpt=Excerpt(option, len(_OPTION), end))
    excerpt = error.problem.excerpt
    if excerpt is not None and option.endswith(excerpt.text):
        before = len(option) - len(excerpt.text)
        excerpt = Excerpt(option, before + excerpt.start, before + excerpt.end)
    return Finding((), f"{option}: {error.problem.message}", excerpt=excerpt)


def _parse(override: str) -> tuple[list[_Step], str]:
    steps, end = _parse_steps(override)
    if not steps or override[end : end + 1] != "=":
        raise OverrideError(_SHAPE)
    return steps, override[end + 1 :]


def _parse_steps(text: str) -> tuple[list[_Step], int]:
    """Read steps from the start of a text, up to where no step follows."""
    steps: list[_Step] = []
    position = 0
    while position < len(text):
        start = position + 1 if steps and text[position] == "." else position
        if match := _INDEX.match(text, position):
            steps.append(_Step(int(match[1]), plain=False))
        elif match := _QUOTED.match(text, position):
            key = match[1].replace("''", "'") if match[1] is not None else match[2]
            steps.append(_Step(key, plain=False))
        elif (start > position or not steps) and (match := _PLAIN.match(text, start)):
            steps.append(_Step(match[0], plain=True))
        else:
            break
        position = match.end()
    return steps, position


def _apply(document: Document, steps: list[_Step], text: str, option: str) -> Document:
    parsed = parse_yaml(text)
    if parsed.findings:
        raise OverrideError("; ".join(finding.message for finding in parsed.findings))
    data = copy.deepcopy(document.data)
    path, made = _set(data, steps, parsed.data)
    document = document.with_value(data, path, option, made, _places(parsed, path, made, len(option) - len(text)))
    return replace(document, doubts={**document.doubts, **{(*path, *place): it for place, it in parsed.doubts.items()}})


def _places(parsed: Document, path: KeyPath, made: Iterable[KeyPath], value_start: int) -> dict[KeyPath, TextPlace]:
    """Where in the first line of an option its key and what is in its value stand."""
    key = TextSpan(1, len(_OPTION), value_start - 1)
    inside = {
        (*path, *place): each.moved(value_start)
        for place, each in parsed.origins.places.items()
        if each.value.line == 1
    }
    whole = inside.get(path)
    value = key if whole is None else whole.value
    return {**inside, path: TextPlace(key, value), **{place: TextPlace(key, key) for place in made}}


def _set(data: Any, steps: list[_Step], value: Any) -> tuple[KeyPath, tuple[KeyPath, ...]]:
    """Set a value in the data; returns its path, and the mappings that were created on the way."""
    here = data
    path: KeyPath = ()
    made: list[KeyPath] = []
    while True:
        part, used = _resolve(here, steps, path)
        steps = steps[used:]
        path = (*path, part)
        if not steps:
            here[part] = value
            return path, tuple(made)
        child = here[part] if isinstance(here, list) else here.get(part)
        if child is None:
            child = here[part] = {}
            made.append(path)
        here = child


def _resolve(here: Any, steps: list[_Step], path: KeyPath) -> tuple[Any, int]:
    """The key or index that the next steps mean in a container, and how many of them it takes."""
    if isinstance(here, list):
        return _resolve_index(here, steps[0].part, path), 1
    where = f"`{render_path(path)}`"
    if not isinstance(here, dict):
        raise OverrideError(f"{where} is the value {describe(here)}, not a section: set {where} itself")
    if isinstance(steps[0].part, int):
        raise OverrideError(f"{where} is a mapping, not a list: expected a key, found [{steps[0].part}]")
    plain = [str(step.part) for step in steps]
    for used in range(len(steps), 1, -1):
        joined = ".".join(plain[:used])
        if joined in here and all(step.plain for step in steps[:used]):
            return joined, used
    return steps[0].part, 1


def _resolve_index(here: list[Any], part: str | int, path: KeyPath) -> int:
    where = f"`{render_path(path)}`"
    if isinstance(part, str) and not part.isdecimal():
        named = [entry.get("name") for entry in here if isinstance(entry, dict)]
        hint = f"; the one named {part} is [{named.index(part)}]" if part in named else ""
        raise OverrideError(f"{where} is a list: expected an index such as [0], found `{part}`{hint}")
    index = int(part)
    if index >= len(here):
        held = f"entries [0] to [{len(here) - 1}]" if here else "no entries"
        raise OverrideError(f"{where} has {held}, not [{index}]: to add to a list, set it whole")
    return index
