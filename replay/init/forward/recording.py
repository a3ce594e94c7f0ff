"""A dict that notes which entries a model asks for, and hands out a small tensor for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import torch


class OpenEnded(Exception):
    """forward() goes over all entries of its dict: which there should be, it does not say."""


class RecordingDict(dict[str, torch.Tensor]):
    """Entries are made when they are asked for.

    Args:
        make: The tensor for a key.
        known: Whether `key in self` holds for a key that was not asked for yet.

    Attributes:
        asked: Keys, in the order in which they were asked for first.
    """

    def __init__(self, make: Callable[[str], torch.Tensor], known: Callable[[str], bool]) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._make = make
        self._known = known

    def __getitem__(self, key: str) -> torch.Tensor:
        if not isinstance(key, str):
            raise TypeError(f"not a dict of tensors by name: it was asked for {key!r}")
        if key not in self.asked:
            self.asked.append(key)
            super().__setitem__(key, self._make(key))
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """An optional entry: handed out where the log has a column of that name."""
        return self[key] if self._known(key) or super().__contains__(key) else default

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and (super().__contains__(key) or self._known(key))

    def pop(self, key: str, *default: Any) -> Any:
        """As :meth:`get`."""
        return self.get(key, *default) if default else self[key]

    def __iter__(self) -> NoReturn:
        raise OpenEnded

    keys = values = items = __len__ = __iter__

    def __bool__(self) -> bool:
        return True
