"""Plain data out of a pickle that was read inertly: what a module may get back as the extra state that it saved."""

from __future__ import annotations

from typing import Any, Final

import torch

from replay.checkpoints.safety.numpy_arrays import array_tensor

_DEEPEST: Final = 32
_MOST_VALUES: Final = 1 << 18
_PLAIN: Final = (bool, int, float, complex, str, bytes, bytearray, torch.Tensor, torch.dtype, type(None))


class NotPlainError(Exception):
    """A value holds an object of a class that is not read.

    Attributes:
        found: It.
    """

    def __init__(self, found: object) -> None:
        self.found = found
        super().__init__()


def plain_data(value: object) -> object:
    """The same value of Python's own containers, with numpy arrays as such.

    Args:
        value: As the restricted unpickler made it.

    Raises:
        NotPlainError: There is an object of another class in it.

    >>> plain_data({"seen": [1, (2.5, None)]})
    {'seen': [1, (2.5, None)]}
    """
    return _Copy().of(value, 0)


class _Copy:
    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def of(self, value: Any, depth: int) -> object:
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:  # lists that hold themselves, or one another without end
            raise NotPlainError(value)
        if isinstance(value, dict):
            return {self.of(key, depth + 1): self.of(each, depth + 1) for key, each in value.items()}
        for kind in (list, tuple, set, frozenset):
            if type(value) is kind:
                return kind(self.of(each, depth + 1) for each in value)
        tensor = array_tensor(value)
        if tensor is not None:
            return tensor.numpy()
        if isinstance(value, _PLAIN):
            return value
        raise NotPlainError(value)
