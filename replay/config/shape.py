"""The shape of the config as its models declare it: which keys a section has, and what lies under each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from replay.config.messages.finding import KeyPath
from replay.config.names import nearest
from replay.config.plain import mapping
from replay.config.sections.base import Section
from replay.config.sections.replay import ReplayConfig

_SENTENCE_END = re.compile(r"(?<=[^.])\.(?:\s|$)")


def keys_of(section: type[Section]) -> tuple[str, ...]:
    """Keys that a file may give a section, in their order."""
    return tuple(section.fields_by_key())


def field_of(section: type[Section], key: str) -> FieldInfo | None:
    """The field that a key of the file stands for, or None."""
    return section.fields_by_key().get(key)


def section_at(path: KeyPath, data: Any = None, section: type[Section] = ReplayConfig) -> type[Section] | None:
    """The section at a path of the config, or None where there is none.

    Args:
        path: The path.
        data: The config as plain data: where an entry may be one of several sections, its keys tell which.
        section: Where the path starts.

    >>> section_at(("model", "inputs", 0)).__name__
    'Input'
    """
    while path:
        key, *rest = path
        containers, children = sections_under(section, key) if isinstance(key, str) else ((), ())
        if not children or len(rest) < len(containers):
            return None
        for part in (key, *rest[: len(containers)]):
            data = under(data, part)
        section, path = choose(children, data), tuple(rest[len(containers) :])
    return section


def under(data: Any, part: str | int) -> Any:
    """What lies under a key or an index, or None."""
    if isinstance(data, dict):
        return data.get(part)
    inside = isinstance(data, (list, tuple)) and isinstance(part, int) and part < len(data)
    return data[part] if inside else None


def choose(sections: tuple[type[Section], ...], data: Any) -> type[Section]:
    """The section that an entry is meant as: the one whose required keys, then whose keys at all, it has most of.

    Misspelt keys count where the others leave it open.
    """
    given = set(mapping(data))

    def likeness(section: type[Section]) -> tuple[bool, int, int]:
        required = {info.alias or name for name, info in section.model_fields.items() if info.is_required()}
        keys = keys_of(section)
        return required <= given, len(given & set(keys)), sum(nearest(key, keys) is not None for key in given)

    return max(sections, key=likeness)


def purpose(path: KeyPath, data: Any = None) -> str:
    """What a key is for: the first sentence of its description, or nothing."""
    section = section_at(path[:-1], data)
    info = field_of(section, str(path[-1])) if section is not None else None
    return " ".join(_SENTENCE_END.split(info.description or "")[0].split()) if info is not None else ""


def all_sections(section: type[Section] = ReplayConfig, place: str = "") -> Iterator[tuple[str, type[Section]]]:
    """A section and all that lie in it, each with its place: ``model.inputs[...]``, ``checkpoints.<name>``."""
    yield place, section
    for key in keys_of(section):
        containers, children = sections_under(section, key)
        under = "".join({"list": "[...]", "mapping": ".<name>"}[container] for container in containers)
        for child in children:
            yield from all_sections(child, f"{place}.{key}{under}".removeprefix("."))


def sections_under(section: type[Section], key: str) -> tuple[tuple[str, ...], tuple[type[Section], ...]]:
    """How sections lie under a key (``list`` or ``mapping``, outermost first; empty for one itself), and which may."""
    info = field_of(section, key)
    return _sections_in(info.annotation) if info is not None else ((), ())


def _sections_in(annotation: Any) -> tuple[tuple[str, ...], tuple[type[Section], ...]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return (), (annotation,)
    container = {tuple: ("list",), dict: ("mapping",)}.get(get_origin(annotation), ())
    found: tuple[type[Section], ...] = ()
    containers: tuple[str, ...] = ()
    for argument in get_args(annotation):
        inner, children = _sections_in(argument)
        if children:
            containers, found = inner, (*found, *children)
    return ((*container, *containers), found) if found else ((), ())
