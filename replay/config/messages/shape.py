"""The shape of the config as its models declare it: which keys a section has, and what lies under each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from replay.config.messages.finding import Finding, KeyPath
from replay.config.messages.wording import listing
from replay.config.names import nearest
from replay.config.plain import mapping
from replay.config.sections.base import Section
from replay.config.sections.replay import ReplayConfig

_SENTENCE_END = re.compile(r"(?<=[^.])\.(?:\s|$)")


def keys_of(section: type[Section]) -> tuple[str, ...]:
    """Keys that a file may give a section, in their order."""
    return tuple(info.alias or name for name, info in section.model_fields.items() if not info.exclude)


def field_of(section: type[Section], key: str) -> FieldInfo | None:
    """The field that a key of the file stands for, or None."""
    fields = section.model_fields.items()
    return next((info for name, info in fields if key == (info.alias or name)), None)


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
        containers, children = _child(section, key) if isinstance(key, str) else ((), ())
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


def repair_keys(data: dict[str, Any]) -> tuple[dict[str, Any], list[Finding], dict[KeyPath, KeyPath]]:
    """Find keys that no section knows, so that the rest can be checked as if they had been right.

    Args:
        data: The config as plain data; it is not changed.

    Returns:
        The data, without unknown keys or with the known key that is nearest; a finding for each; and of keys that were
        replaced the path in the file, by the path in the result.
    """
    repair = _Repair()
    return repair.section(data, ReplayConfig, (), ()), repair.findings, repair.renamed


class _Repair:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.renamed: dict[KeyPath, KeyPath] = {}

    def section(
        self,
        data: dict[str, Any],
        section: type[Section],
        path: KeyPath,
        now: KeyPath,
        kinds: tuple[type[Section], ...] = (),
    ) -> dict[str, Any]:
        """Repair a section that lies at ``path`` in the file and at ``now`` in the result.

        Args:
            data: The section.
            section: What it is meant as.
            path: Its place in the file.
            now: Its place in the result.
            kinds: What else it might have been.
        """
        keys = keys_of(section)
        repaired: dict[str, Any] = {}
        for key, value in data.items():
            meant = key
            if key not in keys:
                near = nearest(key, keys)
                self.findings.append(Finding((*path, key), _unknown(section, kinds, near, key)))
                if near is None or near in data or near in repaired:
                    continue
                meant = near
                self.renamed[(*now, meant)] = (*path, key)
            repaired[meant] = self._value(value, section, meant, (*path, key), (*now, meant))
        return repaired

    def _value(self, value: Any, section: type[Section], key: str, path: KeyPath, now: KeyPath) -> Any:
        containers, children = _child(section, key)
        return self._entry(value, containers, children, path, now) if children else value

    def _entry(
        self, value: Any, containers: tuple[str, ...], children: tuple[type[Section], ...], path: KeyPath, now: KeyPath
    ) -> Any:
        """Repair the sections that lie in a value, through lists and mappings."""
        if not containers:
            return self.section(value, choose(children, value), path, now, children) if mapping(value) else value
        container, *inner = containers
        if container == "list" and isinstance(value, list):
            return [
                self._entry(entry, tuple(inner), children, (*path, index), (*now, index))
                for index, entry in enumerate(value)
            ]
        if container == "mapping" and isinstance(value, dict):
            return {
                name: self._entry(entry, tuple(inner), children, (*path, name), (*now, name))
                for name, entry in value.items()
            }
        return value


def _unknown(section: type[Section], kinds: tuple[type[Section], ...], near: str | None, key: str) -> str:
    if any(key in keys_of(kind) for kind in kinds):
        return f"is a key of another kind of entry: this one takes {listing(keys_of(section))}"
    if near is not None:
        return f"unknown key; did you mean `{near}`?"
    homes = [home for home in _homes().get(key, ()) if home]
    if homes:
        return f"unknown key here: it belongs under `{homes[0]}`"
    return f"unknown key; expected one of {listing(keys_of(section))}"


@cache
def _homes() -> dict[str, tuple[str, ...]]:
    """Paths of the sections that have a key, as a person would write them, by key."""
    homes: dict[str, tuple[str, ...]] = {}
    for place, section in all_sections():
        for key in keys_of(section):
            homes[key] = (*homes.get(key, ()), place)
    return homes


def all_sections(section: type[Section] = ReplayConfig, place: str = "") -> Iterator[tuple[str, type[Section]]]:
    """A section and all that lie in it, each with its place: ``model.inputs[...]``, ``checkpoints.<name>``."""
    yield place, section
    for key in keys_of(section):
        containers, children = _child(section, key)
        under = "".join({"list": "[...]", "mapping": ".<name>"}[container] for container in containers)
        for child in children:
            yield from all_sections(child, f"{place}.{key}{under}".removeprefix("."))


def _child(section: type[Section], key: str) -> tuple[tuple[str, ...], tuple[type[Section], ...]]:
    """How sections lie under a key (``list`` or ``mapping``, outermost first; empty for one itself), and which may."""
    info = field_of(section, key)
    return _find(info.annotation) if info is not None else ((), ())


def _find(annotation: Any) -> tuple[tuple[str, ...], tuple[type[Section], ...]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return (), (annotation,)
    container = {tuple: ("list",), dict: ("mapping",)}.get(get_origin(annotation), ())
    found: tuple[type[Section], ...] = ()
    containers: tuple[str, ...] = ()
    for argument in get_args(annotation):
        inner, children = _find(argument)
        if children:
            containers, found = inner, (*found, *children)
    return ((*container, *containers), found) if found else ((), ())
