"""Python's import system: watched, steered, and asked where a module is without importing it.

All that leans on how CPython imports stands here. What would break it, each with a canary in
``tests/config/user_code/test_python_imports.py``:

- An import statement looks ``builtins.__import__`` up each time, so a replacement sees it, with the importing module's
  globals and, as the caller of the replacement, its frame.
- ``importlib.import_module`` is looked up in its module by most code; who keeps a reference of its own is not seen.
- A finder at the head of ``sys.meta_path`` is asked before all others, for every module that is not in ``sys.modules``.
- ``SourceFileLoader.get_code`` alone decides between source and bytecode, and bytecode lies where
  ``importlib.util.cache_from_source`` says.
- ``open`` raises the audit event ``open`` with the path first and the flags last; ``ctypes`` raises ``ctypes.dlopen``.
- ``PathFinder.find_spec`` with a path of its own finds without importing parents, and without ``sys.modules``.
- A module that is taken out of ``sys.modules``, and off its parent, is imported anew.
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
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Protocol

from replay.config.user_code.known_packages import known_version
from replay.config.user_code.sources import state_of

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_SETTLED_NS = 2_000_000_000


class ImportObserver(Protocol):
    """Hears what one thread imports and reads."""

    def importing(self, importer: str, names: Sequence[str], frame: FrameType) -> None:
        """A module imports names: modules, or what is taken from them. ``frame`` is the importer's."""

    def reading(self, path: str, frame: FrameType, library: bool) -> None:
        """A file is opened to be read, or a shared library to be loaded; ``frame`` is the caller's."""

    def is_own(self, module: str, origin: str) -> bool:
        """Whether a module that is about to be loaded is the user's."""

    def loading(self, module: str, path: str, sha256: str | None) -> None:
        """A module of the user's is loaded from a file; the hash is that of the source that runs, None of no source."""


@contextmanager
def observed(observer: ImportObserver) -> Iterator[None]:
    """Let an observer hear what this thread imports and reads; of nested ones, the innermost hears it."""
    global _current
    before, _current = _current, (threading.get_ident(), observer)
    if before is None:
        _install()
    try:
        yield
    finally:
        _current = before
        if before is None:
            _uninstall()


def remove_module(name: str) -> None:
    """Take a module out of this process, so that it is imported anew."""
    gone = sys.modules.pop(name, None)
    parent, _, last = name.rpartition(".")
    if gone is not None and parent and getattr(sys.modules.get(parent), last, None) is gone:
        delattr(sys.modules[parent], last)


def import_file(name: str, path: str, loading: Callable[[str, str, str | None], None]) -> ModuleType:
    """Import a file under a name, unless a module has that name already.

    Args:
        name: Of the module.
        path: The file.
        loading: See :meth:`ImportObserver.loading`.

    Raises:
        ImportError: It is no Python file.
        BaseException: What the file raises.
    """
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path, loader=_FreshLoader(name, path, loading))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def find_spec(name: str, path: list[str]) -> ModuleSpec | None:
    """Where a module lies in some directories, or None."""
    try:
        return PathFinder.find_spec(name, path)
    except (ImportError, ValueError, OSError):
        return None


def find_anywhere(top: str, directories: list[str]) -> ModuleSpec | None:
    """Where a top-level module lies: in some directories, on ``sys.path``, or where another finder finds it."""
    spec = find_spec(top, [*directories, *(entry for entry in sys.path if isinstance(entry, str))])
    if spec is not None:
        return spec
    for finder in sys.meta_path:  # an editable install has one of its own
        if finder is PathFinder or not hasattr(finder, "find_spec"):
            continue
        try:
            spec = finder.find_spec(top, None)
        except (ImportError, ValueError, OSError, AttributeError):
            continue
        if spec is not None:
            return spec
    return None


def look_again(directories: Sequence[str]) -> None:
    """Let files of directories be found that were made a moment ago."""
    for directory in directories:
        finder = sys.path_importer_cache.get(directory)
        if finder is not None and hasattr(finder, "invalidate_caches"):
            finder.invalidate_caches()


_current: tuple[int, ImportObserver] | None = None
_plain_import = builtins.__import__
_plain_import_module = importlib.import_module


def _observer() -> ImportObserver | None:
    return _current[1] if _current is not None and _current[0] == threading.get_ident() else None


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    observer = _observer()
    # A published package is imported by a statement that the source shows, or by a library for itself, once a process.
    if observer is not None and (level or known_version(name.partition(".")[0]) is None):
        package = str((globals or {}).get("__package__") or "")
        base = _absolute(name, level, package)
        names = [base, *(f"{base}.{entry}" for entry in fromlist or ())]
        observer.importing(str((globals or {}).get("__name__") or ""), names, sys._getframe(1))
    return _plain_import(name, globals, locals, fromlist, level)


def _import_module(name: str, package: str | None = None) -> ModuleType:
    observer = _observer()
    if observer is not None:
        frame = sys._getframe(1)
        level = len(name) - len(name.lstrip("."))
        observer.importing(
            str(frame.f_globals.get("__name__") or ""), [_absolute(name[level:], level, package or "")], frame
        )
    return _plain_import_module(name, package)


def _absolute(name: str, level: int, package: str) -> str:
    if not level:
        return name
    try:
        return importlib.util.resolve_name("." * level + name, package)
    except ImportError:  # the import itself raises it
        return name


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("open", "ctypes.dlopen"):
        return
    observer = _observer()
    if observer is None or not arguments or not isinstance(arguments[0], str | bytes):
        return
    if event == "open" and (not isinstance(arguments[-1], int) or arguments[-1] & _WRITES):
        return
    path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100, text stays text
    observer.reading(path, sys._getframe(1), library=event != "open")


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
        observer = _observer()
        if observer is None:
            return None
        spec = _found_by_others(fullname, path, target)
        if spec is None or not spec.has_location or not spec.origin or not observer.is_own(fullname, spec.origin):
            return spec
        if type(spec.loader) is SourceFileLoader:
            spec.loader = _FreshLoader(fullname, spec.origin, observer.loading)
        else:
            observer.loading(fullname, spec.origin, None)
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


class _FreshLoader(SourceFileLoader):
    """Runs the source that is there now; bytecode only where it cannot be older."""

    def __init__(self, name: str, path: str, loading: Callable[[str, str, str | None], None]) -> None:
        super().__init__(name, path)
        self._loading = loading

    def get_code(self, fullname: str) -> Any:
        source = self.get_data(self.path)
        self._loading(fullname, self.path, hashlib.sha256(source).hexdigest())
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
