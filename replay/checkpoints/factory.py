"""``factory: module:function``: the user's own code that builds the module whose weights a file holds."""

from __future__ import annotations

import copy
import hashlib
import importlib
import importlib.util
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.scorer import last_words
from replay.config.names import nearest
from replay.config.wording import suggestion
from replay.errors import CheckpointMismatch

_IMPORTING = threading.RLock()


@dataclass(frozen=True)
class FactoryPlace:
    """Where a factory's code is.

    Attributes:
        module: What to import; of a file, its path.
        function: Dotted path of the callable in it.
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


def locate_factory(checkpoint: Checkpoint) -> FactoryPlace | None:
    """Find a factory's code without importing it; None where the checkpoint has no factory."""
    if checkpoint.config.factory is None:
        return None
    module, _, function = checkpoint.config.factory.rpartition(":")
    base = Path(checkpoint.base_dir) if checkpoint.base_dir else Path.cwd()
    if module.endswith(".py"):
        file = base / module
        return FactoryPlace(module, function, file, tuple(dict.fromkeys((str(file.parent), str(base)))))
    beside = base / f"{module}.py"
    return FactoryPlace(module, function, beside if beside.is_file() else None, (str(base),))


def source_hash(place: FactoryPlace | None) -> str | None:
    """SHA-256 of the factory's file, where it is known without importing it."""
    if place is None or place.file is None or not place.file.is_file():
        return None
    return hashlib.sha256(place.file.read_bytes()).hexdigest()


class Factory:
    """A factory, found and ready to be called.

    Args:
        checkpoint: Its config names the factory and its arguments.

    Raises:
        CheckpointMismatch: There is no factory, no such module or file, or no such function in it.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        place = locate_factory(checkpoint)
        if place is None:
            raise CheckpointMismatch(
                f"checkpoint {checkpoint.name!r}: {checkpoint.path} holds weights only ({checkpoint.format}), and the "
                "config has no `factory`: give `factory: module:function` (or file.py:function) that builds the module"
            )
        self._place = place
        self._prefix = f"checkpoint {checkpoint.name!r}: factory {checkpoint.config.factory}"
        self._kwargs = checkpoint.config.kwargs
        with importable(place.directories):
            self._function = self._find(self._import())

    def build(self) -> nn.Module:
        """Build a new module.

        Raises:
            CheckpointMismatch: It raised, or returned something else than a module.
        """
        try:
            module = self.call()
        except (Exception, SystemExit) as error:  # a factory may raise anything
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f" ({frame.filename}, line {frame.lineno})"
            raise CheckpointMismatch(
                f"{self._prefix} raised {last_words(error)}{where}: it was called with {self._kwargs or 'no arguments'}"
            ) from error
        if not isinstance(module, nn.Module):
            raise CheckpointMismatch(
                f"{self._prefix} returned {type(module).__name__}, expected a torch.nn.Module: return the built module"
            )
        return module

    def call(self) -> object:
        """Call it, with a copy of its arguments; its own errors pass through."""
        with importable(self._place.directories):
            return self._function(**copy.deepcopy(self._kwargs))

    def _import(self) -> ModuleType:
        place = self._place
        if place.file is not None and not place.file.is_file():
            raise CheckpointMismatch(f"{self._prefix}: there is no file {place.file}: correct the path")
        try:
            if place.file is not None:
                return _import_file(place.file)
            module = importlib.import_module(place.module)
        except (Exception, SystemExit) as error:
            raise CheckpointMismatch(self._import_message(error)) from error
        self._refuse_namesake(module)
        return module

    def _import_message(self, error: BaseException) -> str:
        name = self._place.module
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            return (
                f"{self._prefix}: there is no module `{name}`, neither installed nor in {self._place.directories[-1]}: "
                f"put it beside the config, ship it with --py-files, or give `{name.rpartition('.')[2]}.py:"
                f"{self._place.function}`"
            )
        return f"{self._prefix}: importing `{name}` failed: {last_words(error)}"

    def _refuse_namesake(self, module: ModuleType) -> None:
        """Refuse a module of the same name that this process imported from somewhere else before."""
        relative = Path(*self._place.module.split("."))
        base = Path(self._place.directories[-1])
        meant = [path for path in (base / relative / "__init__.py", base / f"{relative}.py") if path.is_file()]
        loaded = Path(module.__file__ or "").resolve()
        if meant and loaded not in [path.resolve() for path in meant]:
            raise CheckpointMismatch(
                f"{self._prefix}: expected {meant[0]}, but this process has another module `{self._place.module}` "
                f"loaded, from {loaded}: rename one of them"
            )

    def _find(self, module: ModuleType) -> Callable[..., object]:
        found: Any = module
        for part in self._place.function.split("."):
            if not hasattr(found, part):
                names = [name for name in vars(found) if not name.startswith("_")] if hasattr(found, "__dict__") else []
                raise CheckpointMismatch(
                    f"{self._prefix}: `{self._place.module}` has no `{self._place.function}`"
                    f"{suggestion(nearest(part, names))}"
                )
            found = getattr(found, part)
        if not callable(found):
            raise CheckpointMismatch(f"{self._prefix} is a value of type {type(found).__name__}, expected a function")
        function: Callable[..., object] = found
        return function


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


def _import_file(file: Path) -> ModuleType:
    """Import a file under a name of its content, so that neither a namesake nor an older version stands in for it."""
    digest = hashlib.sha256(str(file.resolve()).encode() + b"\0" + file.read_bytes()).hexdigest()
    name = f"_replay_factory_{file.stem}_{digest[:16]}"
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
