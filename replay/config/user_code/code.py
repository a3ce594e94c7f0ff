"""``module:name`` and ``file.py:name``: the user's own code that a config names, found and imported.

What is imported is what lies on disk: modules that changed since this process imported them go, with those that import
them, and are imported anew. :func:`code_sources` says what the code consists of.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from replay.config.locations import is_local
from replay.config.messages.no_such_file import no_such_file, unreadable
from replay.config.messages.wording import listing, suggestion
from replay.config.names import nearest
from replay.config.user_code.closure import Closure, find_closure, find_unit
from replay.config.user_code.fetched_code import fetched_folder
from replay.config.user_code.python_imports import import_file
from replay.config.user_code.sources import Unit, file_hash
from replay.config.user_code.stale import UserCodeError, forget_changed, refuse_namesakes
from replay.config.user_code.watch import LOADED, is_installed, note_loaded, watching
from replay.files.here import local_name
from replay.memo import remembered

_IMPORTING = threading.RLock()
_used: dict[CodePlace, set[str]] = {}
"""Modules that code was seen to use without any of its own modules asking for them."""

_MOST_NAMES = 8


@dataclass(frozen=True)
class CodePlace:
    """Where a function or class of the user's is.

    Attributes:
        module: What to import; of a file, its path. Empty where a pickle says what it needs.
        function: Dotted path of what is named in it.
        file: The file, where it is given as one or lies beside the config; else None.
        directories: Where its imports are looked up besides ``sys.path``.
        origin: URL of what the directory is a copy of; empty where it is none.
        problem: Why it could not be fetched; empty where it was, or lies here.
    """

    module: str
    function: str
    file: Path | None
    directories: tuple[str, ...]
    origin: str = ""
    problem: str = ""

    @property
    def spec(self) -> str:
        """As in the config."""
        return f"{self.module}:{self.function}"

    @property
    def by_file(self) -> bool:
        """Whether it is given as ``file.py:name``."""
        return self.module.endswith(".py")


def locate_code(spec: str, base_dir: str) -> CodePlace:
    """Find code without importing it.

    Args:
        spec: ``module:name`` or ``file.py:name``.
        base_dir: Directory that files and modules are looked up from, or a URL; empty: the current one.
    """
    module, _, function = spec.rpartition(":")
    if not is_local(module if module.endswith(".py") else base_dir):
        return _locate_elsewhere(module, function, base_dir)
    base = Path(local_name(os.path.abspath(base_dir if is_local(base_dir) else "")))  # noqa: PTH100, links stay as they are
    if module.endswith(".py"):
        file = Path(local_name(str(base / module)))
        return CodePlace(module, function, file, tuple(dict.fromkeys((str(file.parent), str(base)))))
    beside = base / f"{module}.py"
    return CodePlace(module, function, beside if beside.is_file() else None, (str(base),))


def _locate_elsewhere(module: str, function: str, base_dir: str) -> CodePlace:
    """Code at a URL: a file, or a module beside a config that lies there."""
    folder, first = base_dir.rstrip("/"), module
    if module.endswith(".py"):
        folder, _, first = module.rpartition("/")
    try:
        copy = fetched_folder(folder, first)
    except (OSError, ValueError, NotImplementedError) as error:
        return CodePlace(module, function, None, (), folder, unreadable(f"{folder}/{first}", error))
    beside = copy / (first if module.endswith(".py") else f"{module}.py")
    return CodePlace(module, function, beside if beside.is_file() else None, (str(copy),), folder)


def load_code(place: CodePlace) -> Any:
    """Import the code as it is on disk now, and give what is named.

    Raises:
        UserCodeError: There is no such module, file or name, importing it failed, or this process cannot get rid of
            what it has imported before.
    """
    with calling_code(place):
        refresh_code(place)
        return _find(_import(place), place)


@contextmanager
def calling_code(place: CodePlace) -> Iterator[None]:
    """Look the code's imports up in its directories first, as Python does for a script's own, and watch them."""
    with _importable(place), watching(place.directories, _used.setdefault(place, set())):
        yield


@contextmanager
def _importable(place: CodePlace) -> Iterator[None]:
    with _IMPORTING:
        added = [directory for directory in place.directories if directory not in sys.path]
        sys.path[:0] = added
        try:
            yield
        finally:
            for directory in added:
                if directory in sys.path:
                    sys.path.remove(directory)


def refresh_code(place: CodePlace) -> bool:
    """Forget those of the code's modules that are no longer what is on disk.

    Returns:
        Whether there were any: what was made with them is to be made anew.

    Raises:
        UserCodeError: A compiled module changed, or another module of the same name is in the way.
    """
    with _importable(place):
        closure, is_known = remembered(("closure", place), lambda: _closure(place), seen=_seen(place))
        if is_known:
            return False
        refuse_namesakes(closure, place.module)
        return forget_changed(closure)


def code_sources(place: CodePlace | None) -> dict[str, str]:
    """What the code consists of, as it is on disk now.

    Returns:
        By name: SHA-256 of its module and of every module or package of the user's that it imports, however far away,
        and of files that they were seen to read; versions of the published packages that they import.
    """
    if place is None:
        return {}
    with _importable(place):
        found, _ = remembered(("sources", place), lambda: _hashes(place), seen=_seen(place))
    return dict(found)


def code_files(place: CodePlace) -> dict[str, str]:
    """The files that the code consists of, with those that it was seen to read: SHA-256 by path.

    What is installed is left out, and what lies in an archive: Spark ships archives itself.
    """
    with _importable(place):
        closure = _closure(place)
        found = {file.path: file.sha256 for files in closure.files.values() for file in files}
        for name, loaded in LOADED.items():
            if any(unit.holds(name) for unit in closure.units.values()):
                found |= loaded.read
    return {path: found[path] for path in sorted(found) if not is_installed(path) and Path(path).is_file()}


def other_source(expected: Mapping[str, str], found: Mapping[str, str]) -> str | None:
    """Name of a module, package or file that differs from what another process found, or None."""
    return next((name for name, sha256 in expected.items() if found.get(name, sha256) != sha256), None)


def note_used(place: CodePlace, modules: set[str]) -> None:
    """Count modules among those that the code consists of."""
    with _IMPORTING:
        _used.setdefault(place, set()).update(modules)


def _closure(place: CodePlace) -> Closure:
    try:
        return find_closure(_root(place), _used.get(place, ()), place.directories)
    except OSError as error:
        raise UserCodeError(f"what `{place.module}` imports cannot be read", error) from error


def _hashes(place: CodePlace) -> dict[str, str]:
    closure = _closure(place)
    return dict(sorted({**closure.hashes(), **_files_read(closure, place)}.items()))


def _seen(place: CodePlace) -> tuple[int, ...]:
    """How much this process has seen the code, and all other code, import and read: that only grows."""
    loaded = list(LOADED.values())
    counts = (len(each.asked) for each in loaded), (len(each.read) for each in loaded)
    return len(_used.get(place, ())), len(loaded), *map(sum, counts)


def _root(place: CodePlace) -> Unit | None:
    if not place.module:
        return None
    if not place.by_file:
        return find_unit(place.module, place.directories)
    if place.file is None or not place.file.is_file():
        return None
    return Unit(place.file.name, _file_module(place.file), str(place.file), package=False)


def _files_read(closure: Closure, place: CodePlace) -> dict[str, str]:
    """Hashes of the files that the code's modules read, named as seen from its directories."""
    found = {}
    for name, loaded in LOADED.items():
        if loaded.read and any(unit.holds(name) for unit in closure.units.values()):
            for path, sha256 in loaded.read.items():
                found[_shown(path, place)] = file_hash(path) if Path(path).is_file() else sha256
    return found


def _shown(path: str, place: CodePlace) -> str:
    within = (directory for directory in place.directories if Path(path).is_relative_to(directory))
    directory = next(within, None)
    return path if directory is None else Path(path).relative_to(directory).as_posix()


def missing_code(place: CodePlace) -> UserCodeError | None:
    """What is said of code that is not there; None where there is something to import, be it right or wrong."""
    if place.problem:
        return UserCodeError(place.problem)
    if place.file is not None:
        return None if place.file.is_file() else UserCodeError(no_such_file(place.file))
    top = place.module.partition(".")[0]
    with _importable(place):
        there = not top or top in sys.modules or find_spec(top) is not None
    return None if there else _no_module(place)


def _import(place: CodePlace) -> ModuleType:
    if place.problem:
        raise UserCodeError(place.problem)
    if place.file is not None and not place.file.is_file():
        raise UserCodeError(no_such_file(place.file))
    try:
        if place.by_file and place.file is not None:
            return import_file(_file_module(place.file), str(place.file), note_loaded)
        if place.module not in sys.modules:
            importlib.invalidate_caches()  # a file that was made a moment ago counts
        return importlib.import_module(place.module)
    except (Exception, SystemExit) as error:  # a module may raise anything
        raise _import_error(error, place) from error


def _import_error(error: BaseException, place: CodePlace) -> UserCodeError:
    name = place.module
    if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
        return _no_module(place)
    return UserCodeError(f"importing `{name}` failed", error)


def _no_module(place: CodePlace) -> UserCodeError:
    name, folder = place.module, place.origin or place.directories[-1]
    return UserCodeError(
        f"there is no module `{name}`, neither installed nor in {folder}: put it beside the config, "
        f"ship it with --py-files, or give `{name.rpartition('.')[2]}.py:{place.function}`"
    )


def _find(module: ModuleType, place: CodePlace) -> Any:
    found: Any = module
    for part in place.function.split("."):
        if not hasattr(found, part):
            raise UserCodeError(f"`{place.module}` has no `{place.function}`{_instead(part, found)}")
        found = getattr(found, part)
    return found


def _instead(name: str, module: Any) -> str:
    """What a module has instead of a name that it lacks: what it defines itself, where that is little enough to say."""
    names = [known for known in vars(module) if not known.startswith("_")] if hasattr(module, "__dict__") else []
    own = [
        known
        for known in names
        if callable(value := getattr(module, known)) and getattr(value, "__module__", None) == module.__name__
    ]
    listed = f"; it has {listing(own)}" if 0 < len(own) <= _MOST_NAMES else ""
    return suggestion(nearest(name, names)) + listed


def _file_module(file: Path) -> str:
    """The name under which a file is imported: no namesake stands in for it."""
    return f"_replay_user_{file.stem}_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:16]}"
