"""Kinds of one sort, one module each: a module registers what it defines, and all others ask by name."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """What is registered by the modules of a package, by name.

    The first look-up imports every module and package that stands directly in ``package``, so a new kind is a new file
    and nothing else. Names are in the order of ``rank``, then of the alphabet, whatever was imported first.

    Args:
        sort: What is registered, in the singular, for messages: ``perturbation``.
        package: Dotted name of the package whose modules register.
    """

    def __init__(self, sort: str, package: str) -> None:
        self._sort = sort
        self._package = package
        self._kinds: dict[str, tuple[float, T]] = {}
        self._lock = threading.RLock()
        self._complete = False

    def register(self, name: str, kind: T, *, rank: float = 0.0) -> None:
        """Add a kind.

        Args:
            name: Under which it is looked up.
            kind: What is looked up.
            rank: Where it stands among the others, the least first.

        Raises:
            ValueError: The name is taken.
        """
        if name in self._kinds:
            raise ValueError(f"found a second {self._sort} named `{name}`: give it another name")
        self._kinds[name] = (rank, kind)

    def __getitem__(self, name: str) -> T:
        self._import_all()
        return self._kinds[name][1]

    def __iter__(self) -> Iterator[str]:
        self._import_all()
        return iter(sorted(self._kinds, key=lambda name: (self._kinds[name][0], name)))

    def __len__(self) -> int:
        self._import_all()
        return len(self._kinds)

    def _import_all(self) -> None:
        if self._complete:
            return
        with self._lock:
            package = importlib.import_module(self._package)
            for module in sorted(found.name for found in pkgutil.iter_modules(package.__path__)):
                importlib.import_module(f"{self._package}.{module}")
            self._complete = True
