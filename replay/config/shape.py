"""The shape of the config as its models declare it: which keys a section has, and what lies under each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_origin

from replay.config.base import Section
from replay.config.finding import Finding, KeyPath
from replay.config.names import nearest
from replay.config.plain import mapping, mappings
from replay.config.replay import ReplayConfig
from replay.config.wording import listing

_SENTENCE_END = re.compile(r"(?<=[^.])\.(?:\s|$)")


def keys_of(section: type[Section]) -> tuple[str, ...]:
    """Keys that a file may give a section, in their order."""
    return tuple(name for name, info in section.model_fields.items() if not info.exclude)


def section_at(path: KeyPath, section: type[Section] = ReplayConfig) -> type[Section] | None:
    """The section that lies at a place of the config, or None where there is none.

    >>> section_at(("model", "inputs", 0)).__name__
    'Input'
    """
    while path:
        key, *rest = path
        container, child = _child(section, key) if isinstance(key, str) else ("", None)
        if child is None or (container and not rest):
            return None
        section, path = child, tuple(rest[1:] if container else rest)
    return section


def purpose(path: KeyPath) -> str:
    """What a key is for, in its first sentence; empty where nothing is known."""
    section = section_at(path[:-1])
    info = section.model_fields.get(str(path[-1])) if section is not None else None
    return _SENTENCE_END.split(info.description or "")[0].strip() if info is not None else ""


def repair_keys(data: dict[str, Any]) -> tuple[dict[str, Any], list[Finding], dict[KeyPath, KeyPath]]:
    """Find keys that no section knows, so that the rest can be checked as if they had been right.

    Args:
        data: The config as plain data; it is not changed.

    Returns:
        The data without unknown keys, or with the key that was meant where there is one; a finding for each; and where
        a key was replaced, the place under which it is now by the place in the file.
    """
    repair = _Repair()
    return repair.section(data, ReplayConfig, (), ()), repair.findings, repair.renamed


class _Repair:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.renamed: dict[KeyPath, KeyPath] = {}

    def section(self, data: dict[str, Any], section: type[Section], path: KeyPath, now: KeyPath) -> dict[str, Any]:
        """Repair a section that lies at ``path`` in the file and at ``now`` in the result."""
        keys = keys_of(section)
        repaired: dict[str, Any] = {}
        for key, value in data.items():
            meant = key
            if key not in keys:
                near = nearest(key, keys)
                self.findings.append(Finding((*path, key), _unknown(section, near, key)))
                if near is None or near in data or near in repaired:
                    continue
                meant = near
                self.renamed[(*now, meant)] = (*path, key)
            repaired[meant] = self._value(value, section, meant, (*path, key), (*now, meant))
        return repaired

    def _value(self, value: Any, section: type[Section], key: str, path: KeyPath, now: KeyPath) -> Any:
        container, child = _child(section, key)
        if child is None:
            return value
        if container == "list" and isinstance(value, list):
            fixed = {
                index: self.section(entry, child, (*path, index), (*now, index)) for index, entry in mappings(value)
            }
            return [fixed.get(index, entry) for index, entry in enumerate(value)]
        if container == "mapping" and isinstance(value, dict):
            return {
                name: self.section(entry, child, (*path, name), (*now, name)) if isinstance(entry, dict) else entry
                for name, entry in value.items()
            }
        return self.section(value, child, path, now) if not container and mapping(value) else value


def _unknown(section: type[Section], near: str | None, key: str) -> str:
    if near is not None:
        return f"unknown key; did you mean `{near}`?"
    homes = [home for home in _homes().get(key, ()) if home]
    if homes:
        return f"unknown key here: it belongs under `{homes[0]}`"
    return f"unknown key; expected one of {listing(keys_of(section))}"


@cache
def _homes() -> dict[str, tuple[str, ...]]:
    """Sections that know a key, as a person would write them."""
    homes: dict[str, tuple[str, ...]] = {}
    for place, section in _sections(ReplayConfig, ""):
        for key in keys_of(section):
            homes[key] = (*homes.get(key, ()), place)
    return homes


def _sections(section: type[Section], place: str) -> Iterator[tuple[str, type[Section]]]:
    yield place, section
    for key in keys_of(section):
        container, child = _child(section, key)
        if child is not None:
            under = {"list": "[...]", "mapping": ".<name>"}.get(container, "")
            yield from _sections(child, f"{place}.{key}{under}".removeprefix("."))


def _child(section: type[Section], key: str) -> tuple[str, type[Section] | None]:
    """How sections lie under a key (``list``, ``mapping``, or empty for one itself), and which."""
    info = section.model_fields.get(key)
    return _find(info.annotation) if info is not None else ("", None)


def _find(annotation: Any) -> tuple[str, type[Section] | None]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "", annotation
    container = {tuple: "list", dict: "mapping"}.get(get_origin(annotation), "")
    for argument in get_args(annotation):
        inner, child = _find(argument)
        if child is not None:
            return container or inner, child
    return "", None
