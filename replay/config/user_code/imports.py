"""What the user's code does while it is imported and called: what it imports, from which source, and what it reads.

Python itself does not say. A module that is loaded already is imported without a trace, and bytecode counts as current
when its source has the same size and second of change; so code that was edited may run as it was before.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from replay.config.user_code.known_packages import known_version
from replay.config.user_code.sources import SOURCE_SUFFIXES, file_hash, state_of

# Libraries that import what others name.
_LOADERS = frozenset({"torch.serialization", "torch._weights_only_unpickler"})
# What the machine and Python consist of is no data of a model.
_SYSTEM = tuple(
    f"{Path(place).resolve()}{os.sep}"
    for place in (sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/run")
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_SETTLED_NS = 2_000_000_000


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
    gone = sys.modules.pop(module, None)
    parent, _, name = module.rpartition(".")
    if gone is not None and parent and getattr(sys.modules.get(parent), name, None) is gone:
        delattr(sys.modules[parent], name)


def file_loader(name: str, path: str) -> SourceFileLoader:
    """Make a loader that runs the source as it is now, and remembers its hash."""
    return _SourceLoader(name, path)


@contextmanager
def watching(directories: Sequence[str], rest: set[str] | None = None) -> Iterator[None]:
    """Watch what this thread imports and reads.

    Args:
        directories: What lies there is the user's own, whatever its name.
        rest: Gets the names that are imported with no module of the user's asking, as a pickle does.
    """
    global _watch
    before, _watch = _watch, _Watch(threading.get_ident(), tuple(directories), set() if rest is None else rest)
    if before is None:
        _install()
    try:
        yield
    finally:
        done, _watch = _watch, before
        if before is None:
            _uninstall()
        done.close()


class _Watch:
    def __init__(self, thread: int, directories: tuple[str, ...], rest: set[str]) -> None:
        self.thread = thread
        self.directories = tuple(f"{directory}{os.sep}" for directory in directories)
        self._rest = rest
        self._opened: list[tuple[str, str]] = []

    def requested(self, importer: str, names: Sequence[str], frame: FrameType | None) -> None:
        if importer not in _LOADERS and known_version(importer.partition(".")[0]) is not None:
            return
        owner = _owner(frame)
        asked = self._rest if owner is None else LOADED[owner].asked
        asked.update(names)

    def opened(self, path: Any, flags: Any, frame: FrameType | None) -> None:
        if not isinstance(path, str | bytes) or not isinstance(flags, int) or flags & _WRITES:
            return
        name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100, text stays text
        if not name.endswith(SOURCE_SUFFIXES) and name not in sys.path_importer_cache:  # an archive of modules
            self.note_file(name, frame)

    def note_file(self, path: str, frame: FrameType | None) -> None:
        owner = _owner(frame)
        if owner is not None:
            self._opened.append((owner, path))

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


def _owner(frame: FrameType | None) -> str | None:
    """The innermost module of the user's that is running; one that is installed only where no other is."""
    installed = None
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name.startswith("replay.") and name != __name__:
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


_watch: _Watch | None = None
_plain_import = builtins.__import__
_plain_import_module = importlib.import_module


def _watched() -> _Watch | None:
    return _watch if _watch is not None and _watch.thread == threading.get_ident() else None


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    watch = _watched()
    # A published package is imported by a statement that the source shows, or by a library for itself, once a process.
    if watch is not None and (level or known_version(name.partition(".")[0]) is None):
        package = str((globals or {}).get("__package__") or "")
        base = _absolute(name, level, package)
        names = [base, *(f"{base}.{entry}" for entry in fromlist or ())]
        watch.requested(str((globals or {}).get("__name__") or ""), names, sys._getframe(1))
    return _plain_import(name, globals, locals, fromlist, level)


def _import_module(name: str, package: str | None = None) -> ModuleType:
    watch = _watched()
    if watch is not None:
        frame = sys._getframe(1)
        level = len(name) - len(name.lstrip("."))
        watch.requested(
            str(frame.f_globals.get("__name__") or ""), [_absolute(name[level:], level, package or "")], frame
        )
    return _plain_import_module(name, package)


def _absolute(name: str, level: int, package: str) -> str:
    if not level:
        return name
    try:
        return importlib.util.resolve_name("." * level + name, package)
    except ImportError:  # told by the import itself
        return name


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("open", "ctypes.dlopen"):
        return
    watch = _watched()
    if watch is None or not arguments:
        return
    if event == "open":
        watch.opened(arguments[0], arguments[-1], sys._getframe(1))
    elif isinstance(arguments[0], str):
        watch.note_file(os.path.abspath(arguments[0]), sys._getframe(1))  # noqa: PTH100


class _Auditing:
    """Audit hooks cannot be taken away again: there is one, from the first use on."""

    installed = False


def _install() -> None:
    global _plain_import, _plain_import_module
    if not _Auditing.installed:
        sys.addaudithook(_audit)
        _Auditing.installed = True
    _plain_import, _plain_import_module = builtins.__import__, importlib.import_module
    builtins.__import__, importlib.import_module = _import, _import_module
    sys.meta_path.insert(0, _FINDER)


def _uninstall() -> None:
    if builtins.__import__ is _import:
        builtins.__import__ = _plain_import
    if importlib.import_module is _import_module:
        importlib.import_module = _plain_import_module
    sys.meta_path.remove(_FINDER)


class _Finder(MetaPathFinder):
    """Finds what the others find; of the user's own, source that is as it is now."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        watch = _watched()
        if watch is None:
            return None
        spec = _found_by_others(fullname, path, target)
        if spec is None or not spec.has_location or not spec.origin or not _is_own(fullname, spec.origin, watch):
            return spec
        if type(spec.loader) is SourceFileLoader:
            spec.loader = _SourceLoader(fullname, spec.origin)
        else:
            LOADED[fullname] = Loaded(spec.origin, file_hash(spec.origin))
        return spec


_FINDER = _Finder()


def _found_by_others(fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find: Callable[..., ModuleSpec | None] | None = getattr(finder, "find_spec", None)
        if finder is not _FINDER and find is not None:
            spec = find(fullname, path, target)
            if spec is not None:
                return spec
    return None


def _is_own(fullname: str, origin: str, watch: _Watch) -> bool:
    top = fullname.partition(".")[0]
    if top not in sys.stdlib_module_names and known_version(top) is None:
        return True
    return origin.startswith(watch.directories) and not is_installed(origin) and not origin.startswith(_SYSTEM)


class _SourceLoader(SourceFileLoader):
    """Runs the source that is there now; bytecode only where it cannot be older."""

    def get_code(self, fullname: str) -> Any:
        source = self.get_data(self.path)
        LOADED[fullname] = Loaded(self.path, hashlib.sha256(source).hexdigest())
        if _bytecode_is_settled(self.path):
            return super().get_code(fullname)
        return self.source_to_code(source, self.path)


def _bytecode_is_settled(path: str) -> bool:
    """Whether bytecode was written well after the source's last change, of which it notes no more than the second."""
    try:
        *_, modified, changed = state_of(path)
        written = Path(importlib.util.cache_from_source(path)).stat().st_mtime_ns
    except (OSError, NotImplementedError):
        return False
    return written > max(modified, changed) + _SETTLED_NS
