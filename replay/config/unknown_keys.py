"""Keys that no section has: reported, and read as the key that was meant, so that the rest can be checked."""

from __future__ import annotations

from functools import cache
from typing import Any

from replay.config.messages.finding import Finding, KeyPath
from replay.config.messages.wording import listing
from replay.config.names import nearest
from replay.config.plain import mapping
from replay.config.sections.base import Section
from replay.config.sections.replay import ReplayConfig
from replay.config.shape import all_sections, choose, keys_of, sections_under


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
                self.findings.append(Finding((*path, key), _unknown(section, kinds, near, key), of_key=True))
                if near is None or near in data or near in repaired:
                    continue
                meant = near
                self.renamed[(*now, meant)] = (*path, key)
            repaired[meant] = self._value(value, section, meant, (*path, key), (*now, meant))
        return repaired

    def _value(self, value: Any, section: type[Section], key: str, path: KeyPath, now: KeyPath) -> Any:
        containers, children = sections_under(section, key)
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
