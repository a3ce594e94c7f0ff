"""Finds the modules and packages of the user's own code: all that the named code imports, directly or not."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path

from replay.config.user_code.known_packages import known_version
from replay.config.user_code.python_imports import find_anywhere, find_spec, look_again
from replay.config.user_code.sources import SourceFile, Unit, unit_hash
from replay.config.user_code.watch import LOADED, ours


@dataclass
class Closure:
    """All code that some code may run.

    Attributes:
        units: The user's own, by name of their module.
        files: Their files, by the same name.
        packages: Others that it imports: versions by name.
        imports: Names of the units that each unit imports.
    """

    units: dict[str, Unit] = field(default_factory=dict)
    files: dict[str, tuple[SourceFile, ...]] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    imports: dict[str, set[str]] = field(default_factory=dict)

    def hashes(self) -> dict[str, str]:
        """What identifies each: SHA-256 of the user's own, versions of the others."""
        return {unit.name: unit_hash(self.files[name], unit) for name, unit in self.units.items()} | self.packages

    def dependants(self, changed: Iterable[str]) -> set[str]:
        """Units that changed, and those that import one of them, however far away."""
        found = set(changed)
        while more := {name for name, used in self.imports.items() if name not in found and used & found}:
            found |= more
        return found


def find_closure(root: Unit | None, names: Iterable[str], directories: tuple[str, ...]) -> Closure:
    """Follow imports from the code that a config names, without importing anything.

    Imports are followed from what is written in source, wherever it stands, and from what modules were seen to import.

    Args:
        root: The code's own file; None where only ``names`` say where it is.
        names: Modules that the code was seen to use.
        directories: Where imports are looked up besides ``sys.path``.
    """
    resolver = _Resolver(directories)
    closure = Closure()
    waiting = [] if root is None else [root]
    for name in names:
        _take(resolver.find(name), closure, waiting)
    while waiting:
        unit = waiting.pop()
        if unit.module in closure.units:
            continue
        files = unit.files()
        closure.units[unit.module] = unit
        closure.files[unit.module] = files
        used = closure.imports.setdefault(unit.module, set())
        for name in {name for file in files for name in (*file.imports, *_asked(file.module))}:
            if not unit.holds(name):
                found = _take(resolver.find(name), closure, waiting)
                used.update(() if found is None else (found,))
    return closure


def find_unit(name: str, directories: tuple[str, ...]) -> Unit | None:
    """The user's own unit that a module belongs to; None where there is none, or where its version identifies it."""
    found = _Resolver(directories).find(name)
    return found if isinstance(found, Unit) else None


def _asked(module: str) -> set[str]:
    """Names that a module was seen to import when it ran."""
    return LOADED[module].asked if module in LOADED else set()


def _take(found: Unit | str | None, closure: Closure, waiting: list[Unit]) -> str | None:
    """Put what was found where it belongs; gives the name of a unit."""
    if isinstance(found, Unit):
        waiting.append(found)
        return found.module
    if found is not None:
        closure.packages[found] = known_version(found) or ""
    return None


class _Resolver:
    """Finds what a name means, as the import system would, but without importing parents."""

    def __init__(self, directories: tuple[str, ...]) -> None:
        self._directories = list(directories)
        # Modules that were imported for a config: where another one finds them does not count.
        self._ours = ours()
        self._tops: dict[str, ModuleSpec | str | None] = {}
        look_again(directories)

    def find(self, name: str) -> Unit | str | None:
        """A unit, the name of a package that its version identifies, or None for all else."""
        top, *rest = name.split(".")
        if top not in self._tops:
            self._tops[top] = self._top(top)
        spec = self._tops[top]
        if spec is None or isinstance(spec, str):
            return spec
        module = top
        while not spec.origin and spec.submodule_search_locations is not None:  # a namespace: several may share it
            if not rest:
                return None
            part = rest.pop(0)
            module = f"{module}.{part}"
            # By its last part: of a namespace in a namespace, Python wants the outer one to be imported already.
            inner = find_spec(part, list(spec.submodule_search_locations))
            if inner is None:
                return None
            spec = inner
        return _unit(module, spec)

    def _top(self, top: str) -> ModuleSpec | str | None:
        beside = self._beside(top)
        if beside is not None:
            return beside
        if top in sys.stdlib_module_names:
            return None
        if known_version(top) is not None:
            return top
        loaded = sys.modules.get(top)
        if loaded is not None and top not in self._ours and getattr(loaded, "__spec__", None) is not None:
            spec: ModuleSpec | None = loaded.__spec__
            return spec
        return find_anywhere(top, self._directories)

    def _beside(self, top: str) -> ModuleSpec | None:
        """What lies in the config's own directories, unless it has the name of something that is loaded already."""
        spec = find_spec(top, self._directories)
        if spec is None or not spec.origin:
            return None
        taken = top in sys.stdlib_module_names or known_version(top) is not None
        loaded = getattr(sys.modules.get(top), "__file__", None) if taken else None
        return None if loaded is not None and Path(loaded).resolve() != Path(spec.origin).resolve() else spec


def _unit(module: str, spec: ModuleSpec) -> Unit | None:
    if not spec.has_location or not spec.origin:  # built in, frozen, or made by a program
        return None
    if spec.submodule_search_locations is not None:
        return Unit(module, module, str(Path(spec.origin).parent), package=True)
    return Unit(module, module, spec.origin, package=False)
