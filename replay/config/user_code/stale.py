"""Forgets modules that a process has loaded in another version than is on disk."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from replay.config.user_code.closure import Closure
from replay.config.user_code.sources import COMPILED_SUFFIXES, SourceFile, archive_of, file_hash, state_of
from replay.config.user_code.watch import LOADED, Loaded, forget


class UserCodeError(Exception):
    """The code that a config names is not there, or importing it failed.

    Args:
        message: What is wrong.
        raised: What the code itself raised, or None; its words are to follow the message.
    """

    def __init__(self, message: str, raised: BaseException | None = None) -> None:
        super().__init__(message)
        self.raised = raised


_compiled: dict[str, str] = {}
"""SHA-256 of compiled files by path, as this process saw them first."""


def refuse_namesakes(closure: Closure, named: str) -> None:
    """Refuse modules that this process imported from somewhere else, for purposes of its own.

    Args:
        closure: Of the code that is to be imported.
        named: The module that the config names; it is reported before others.

    Raises:
        UserCodeError: There is one: it would stand in for what is meant.
    """
    taken = {
        module: (path, file.path)
        for module, path, file in _loaded_modules(closure)
        if file is not None and not _same(path, file.path) and not _is_ours(module)
    }
    if taken:
        module = named if named in taken else next(iter(taken))
        path, meant = taken[module]
        raise UserCodeError(
            f"expected {meant}, but this process has another module `{module}` loaded, from {path}: rename one of them"
        )


def forget_changed(closure: Closure) -> bool:
    """Forget modules whose source changed since they were imported, and those that import them.

    Returns:
        Whether there were any.

    Raises:
        UserCodeError: A compiled module changed: only a new process can load it.
    """
    loaded = list(_loaded_modules(closure))
    _refuse_changed_libraries(closure, {module for module, _, _ in loaded})
    stale = {_unit_of(closure, module) or "" for module, path, file in loaded if _is_stale(module, path, file, closure)}
    if not stale:
        return False
    gone = closure.dependants(stale)
    for module, path, _ in loaded:
        # What is compiled stays, as no process can load it twice.
        if _unit_of(closure, module) in gone and not path.endswith(COMPILED_SUFFIXES):
            forget(module)
    importlib.invalidate_caches()
    return True


def _loaded_modules(closure: Closure) -> Iterator[tuple[str, str, SourceFile | None]]:
    """Modules of the closure that this process has: name, file, and the file that it would be imported from now."""
    # Where a name has several files, the import system takes what is compiled first, then source, then bytecode.
    files = sorted((file for unit in closure.files.values() for file in unit), key=_precedence)
    meant = {file.module: file for file in files}
    tops = {name.partition(".")[0] for name in closure.units}
    for module in list(sys.modules):
        if module.partition(".")[0] in tops and _unit_of(closure, module) is not None:
            path = getattr(sys.modules[module], "__file__", None)
            if isinstance(path, str):
                yield module, path, meant.get(module)


def _precedence(file: SourceFile) -> int:
    return 2 if file.path.endswith(COMPILED_SUFFIXES) else int(file.path.endswith(".py"))


def _unit_of(closure: Closure, module: str) -> str | None:
    name = module
    while name:
        if name in closure.units and closure.units[name].holds(module):
            return name
        name = name.rpartition(".")[0]
    return None


def _is_ours(module: str) -> bool:
    return module in LOADED and LOADED[module].ours


def _same(path: str, other: str) -> bool:
    return path == other or Path(path).resolve() == Path(other).resolve()


def _is_stale(module: str, path: str, file: SourceFile | None, closure: Closure) -> bool:
    """Whether a module's source, or a file that it read, is no longer what it was when the module ran."""
    if path.endswith(COMPILED_SUFFIXES):
        return False
    known = LOADED.get(module)
    if known is None:
        if file is None:  # gone from where it was, or never a part of the package
            return Path(path).is_relative_to(closure.units[_unit_of(closure, module) or ""].path)
        if _changed_since(file.path, _PROCESS_START_NS):
            return True
        known = LOADED[module] = Loaded(file.path, file.sha256, ours=False)
    if file is None or known.sha256 != file.sha256 or not _same(known.path, file.path):
        return True
    changed = [place for place, sha256 in known.read.items() if not _is_still(place, sha256)]
    if any(place.endswith(COMPILED_SUFFIXES) for place in changed):
        raise UserCodeError(_RESTART.format(changed[0]))
    return bool(changed)


def _is_still(path: str, sha256: str) -> bool:
    return Path(path).is_file() and file_hash(path) == sha256


_RESTART = (
    "{} is compiled and changed since this process loaded it, which only a new process can do: restart this one (a "
    "notebook's kernel, a Spark session with its workers)"
)


def _refuse_changed_libraries(closure: Closure, loaded: set[str]) -> None:
    """Refuse to go on with compiled files that are no longer those that this process has."""
    used = {_unit_of(closure, module) for module in loaded}
    for name, files in closure.files.items():
        for file in files if name in used else ():
            if not file.path.endswith(COMPILED_SUFFIXES):
                continue
            unseen = file.path not in _compiled and file.module in loaded and file.module not in LOADED
            changed = unseen and _changed_since(file.path, _PROCESS_START_NS)
            first = LOADED[file.module].sha256 if file.module in LOADED else file.sha256
            if changed or _compiled.setdefault(file.path, first) != file.sha256:
                raise UserCodeError(_RESTART.format(file.path))


def _changed_since(path: str, time_ns: int) -> bool:
    """Whether a file, or the archive that it is in, was written to or put in its place since a time.

    Raises:
        OSError: There is none.
    """
    try:
        *_, modified, changed = state_of(path)
    except NotADirectoryError:
        archive = archive_of(path)
        if archive is None:
            raise
        *_, modified, changed = state_of(str(archive))
    return max(modified, changed) > time_ns


def _process_start_ns() -> int:
    """When this process started; 0 where the system does not say, so that everything counts as changed since."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (AttributeError, OSError, ValueError, IndexError):
        return 0
    return time.time_ns() - int(age * 1e9) - _COARSE_NS


_COARSE_NS = 50_000_000
"""Times of files and processes are rounded to a tick or two of the kernel."""
_PROCESS_START_NS = _process_start_ns()
