"""``module:name`` and ``file.py:name``: the user's own code that a config names, found and imported."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from replay.config.names import nearest
from replay.config.wording import suggestion

_IMPORTING = threading.RLock()


class UserCodeError(Exception):
    """The code that a config names is not there, or importing it failed.

    Args:
        message: What is wrong.
        raised: What the code itself raised, or None; its words are to follow the message.
    """

    def __init__(self, message: str, raised: BaseException | None = None) -> None:
        super().__init__(message)
        self.raised = raised


@dataclass(frozen=True)
class CodePlace:
    """Where a function or class of the user's is.

    Attributes:
        module: What to import; of a file, its path.
        function: Dotted path of what is named in it.
        file: The file, where it is given as one or lies beside the config; else None.
        directories: Where its imports are looked up besides ``sys.path``.
    """

    module: str
    function: str
    file: Path | None
    directories: tuple[str, ...]

    @property
    def spec(self) -> str:
        """As in the config."""
        return f"{self.module}:{self.function}"


def locate_code(spec: str, base_dir: str) -> CodePlace:
    """Find code without importing it.

    Args:
        spec: ``module:name`` or ``file.py:name``.
        base_dir: Directory that files and modules are looked up from; empty: the current one.
    """
    module, _, function = spec.rpartition(":")
    base = Path(base_dir) if base_dir else Path.cwd()
    if module.endswith(".py"):
        file = base / module
        return CodePlace(module, function, file, tuple(dict.fromkeys((str(file.parent), str(base)))))
    beside = base / f"{module}.py"
    return CodePlace(module, function, beside if beside.is_file() else None, (str(base),))


def source_hash(place: CodePlace | None) -> str | None:
    """SHA-256 of the code's file, where it is known without importing it."""
    if place is None or place.file is None or not place.file.is_file():
        return None
    return hashlib.sha256(place.file.read_bytes()).hexdigest()


def load_code(place: CodePlace) -> Any:
    """Import the code and give what is named.

    Raises:
        UserCodeError: There is no such module, file or name, or importing it failed.
    """
    with importable(place.directories):
        return _find(_import(place), place)


@contextmanager
def importable(directories: tuple[str, ...]) -> Iterator[None]:
    """Look imports up in some directories first, as Python does for a script's own."""
    with _IMPORTING:
        added = [directory for directory in directories if directory not in sys.path]
        sys.path[:0] = added
        try:
            yield
        finally:
            for directory in added:
                if directory in sys.path:
                    sys.path.remove(directory)


def _import(place: CodePlace) -> ModuleType:
    if place.file is not None and not place.file.is_file():
        raise UserCodeError(f"there is no file {place.file}: correct the path")
    try:
        if place.file is not None:
            return _import_file(place.file)
        module = importlib.import_module(place.module)
    except (Exception, SystemExit) as error:  # a module may raise anything
        raise _import_error(error, place) from error
    _refuse_namesake(module, place)
    return module


def _import_error(error: BaseException, place: CodePlace) -> UserCodeError:
    name = place.module
    if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
        return UserCodeError(
            f"there is no module `{name}`, neither installed nor in {place.directories[-1]}: put it beside the config, "
            f"ship it with --py-files, or give `{name.rpartition('.')[2]}.py:{place.function}`"
        )
    return UserCodeError(f"importing `{name}` failed", error)


def _refuse_namesake(module: ModuleType, place: CodePlace) -> None:
    """Refuse a module of the same name that this process imported from somewhere else before."""
    relative = Path(*place.module.split("."))
    base = Path(place.directories[-1])
    meant = [path for path in (base / relative / "__init__.py", base / f"{relative}.py") if path.is_file()]
    loaded = Path(module.__file__ or "").resolve()
    if meant and loaded not in [path.resolve() for path in meant]:
        raise UserCodeError(
            f"expected {meant[0]}, but this process has another module `{place.module}` loaded, from {loaded}: rename "
            "one of them"
        )


def _find(module: ModuleType, place: CodePlace) -> Any:
    found: Any = module
    for part in place.function.split("."):
        if not hasattr(found, part):
            names = [name for name in vars(found) if not name.startswith("_")] if hasattr(found, "__dict__") else []
            raise UserCodeError(f"`{place.module}` has no `{place.function}`{suggestion(nearest(part, names))}")
        found = getattr(found, part)
    return found


def _import_file(file: Path) -> ModuleType:
    """Import a file under a name of its content, so that neither a namesake nor an older version stands in for it."""
    digest = hashlib.sha256(str(file.resolve()).encode() + b"\0" + file.read_bytes()).hexdigest()
    name = f"_replay_user_{file.stem}_{digest[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
