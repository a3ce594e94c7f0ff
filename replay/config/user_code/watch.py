"""What the user's code does while it is imported and called: what it imports, from which source, and what it reads.

Python itself does not say. A module that is loaded already is imported without a trace, and bytecode counts as current
when its source has the same size and second of change; so code that was edited may run as it was before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from replay.config.user_code import python_imports
from replay.config.user_code.known_packages import known_version
from replay.config.user_code.python_imports import ImportObserver, observed, remove_module
from replay.config.user_code.sources import SOURCE_SUFFIXES, file_hash

# Libraries that import what others name.
_LOADERS = frozenset({"torch.serialization", "torch._weights_only_unpickler"})
# What the machine and Python consist of is no data of a model.
_SYSTEM = tuple(
    f"{Path(place).resolve()}{os.sep}"
    for place in (sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/run")
)


@dataclass
class Loaded:
    """A module of the user's as this process has it.

    Attributes:
        path: Its file.
        sha256: Of the source that ran.
        ours: Whether it was imported for a config; else the process did so for purposes of its own.
        asked: Names that it was seen to import.
        read: SHA-256 by path of other files that it was seen to read.
    """

    path: str
    sha256: str
    ours: bool = True
    asked: set[str] = field(default_factory=set)
    read: dict[str, str] = field(default_factory=dict)


LOADED: dict[str, Loaded] = {}
"""Modules of the user's that this process has, by name, as far as their source is known."""


def ours() -> set[str]:
    """Names of the modules that were imported for a config."""
    return {name for name, loaded in LOADED.items() if loaded.ours}


def forget(module: str) -> None:
    """Take a module out of this process, so that it is imported anew."""
    LOADED.pop(module, None)
    remove_module(module)


def note_loaded(module: str, path: str, sha256: str | None) -> None:
    """Remember what a module of the user's is loaded from; without a hash, its file is what runs."""
    LOADED[module] = Loaded(path, sha256 or file_hash(path))


@contextmanager
def watching(directories: Sequence[str], rest: set[str] | None = None) -> Iterator[None]:
    """Watch what this thread imports and reads.

    Args:
        directories: What lies there is the user's own, whatever its name.
        rest: Gets the names that are imported with no module of the user's asking, as a pickle does.
    """
    watch = _Watch(tuple(directories), set() if rest is None else rest)
    try:
        with observed(watch):
            yield
    finally:
        watch.close()


class _Watch(ImportObserver):
    def __init__(self, directories: tuple[str, ...], rest: set[str]) -> None:
        self.directories = tuple(f"{directory}{os.sep}" for directory in directories)
        self._rest = rest
        self._opened: list[tuple[str, str]] = []

    def importing(self, importer: str, names: Sequence[str], frame: FrameType) -> None:
        by_data = importer in _LOADERS
        if not by_data and known_version(importer.partition(".")[0]) is not None:
            return
        if not by_data and _serves_a_package(frame, importer.partition(".")[0]):
            if importer in LOADED:
                LOADED[importer].asked.update(names)
            return
        owner = _owner(frame)
        asked = self._rest if owner is None else LOADED[owner].asked
        asked.update(names)

    def reading(self, path: str, frame: FrameType, library: bool) -> None:
        source = path.endswith(SOURCE_SUFFIXES) or path in sys.path_importer_cache  # an archive of modules
        owner = _owner(frame) if library or not source else None
        if owner is not None:
            self._opened.append((owner, path))

    def is_own(self, module: str, origin: str) -> bool:
        top = module.partition(".")[0]
        if top not in sys.stdlib_module_names and known_version(top) is None:
            return True
        return origin.startswith(self.directories) and not is_installed(origin) and not origin.startswith(_SYSTEM)

    def loading(self, module: str, path: str, sha256: str | None) -> None:
        note_loaded(module, path, sha256)

    def close(self) -> None:
        """Hash the files that were read, once they are closed again."""
        for owner, path in self._opened:
            loaded = LOADED.get(owner)
            if loaded is not None and path not in loaded.read and Path(path).is_file() and self._counts(owner, path):
                loaded.read[path] = file_hash(path)

    def _counts(self, owner: str, path: str) -> bool:
        """Whether a file is the user's: not one of the machine, of Python or of an installed package's description."""
        path = os.path.realpath(path)
        if any(part.endswith((".dist-info", ".egg-info")) for part in Path(path).parts):
            return False
        top = sys.modules.get(owner.partition(".")[0])
        folder = getattr(top, "__path__", None)
        own = [f"{os.path.realpath(place)}{os.sep}" for place in (*self.directories, *(folder or ()))]
        return not path.startswith(_SYSTEM) or any(path.startswith(each) for each in own if not _holds_python(each))


def _holds_python(directory: str) -> bool:
    return any(system.startswith(directory) for system in _SYSTEM)


def _serves_a_package(frame: FrameType | None, top: str) -> bool:
    """Whether a package that its version identifies is who needs an import, and no code of the user's.

    Such a package is imported once a process, by whoever comes first: what it needs itself says nothing of the user's
    code, and would make its sources depend on what the process did before.

    Args:
        frame: Of what imports.
        top: The package that it belongs to.
    """
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name.startswith("replay.") and name != python_imports.__name__:
            return False
        loaded, own_top = LOADED.get(name), name.partition(".")[0]
        if loaded is not None and (own_top != top or not is_installed(loaded.path)):
            return False
        if loaded is None and name not in _LOADERS and known_version(own_top) is not None:
            return True
        frame = frame.f_back
    return False


def _owner(frame: FrameType | None) -> str | None:
    """The innermost running module of the user's; an installed one only where there is no other."""
    installed = None
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name.startswith("replay.") and name != python_imports.__name__:
            break  # who called Replay is no part of what it calls
        loaded = LOADED.get(name)
        if loaded is not None:
            if not is_installed(loaded.path):
                return name
            installed = installed or name
        frame = frame.f_back
    return installed


def is_installed(path: str) -> bool:
    """Whether a file lies among installed packages."""
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(path).parts)
