"""Numpy arrays of a pickle: taken apart as plain bytes, and given as tensors where they hold numbers."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import torch

from replay.checkpoints.safety.budgets import spend_copy
from replay.checkpoints.safety.placeholders import Placeholder

_CODE: Final = re.compile("b1|[iu][1248]|f[248]|c8|c16")


class Array(Placeholder):
    """A numpy array: ``_reconstruct`` makes it, BUILD gives ``(version, shape, dtype, fortran order, bytes)``."""

    origin = "numpy.ndarray"
    tensor: torch.Tensor | None = None
    """The array as a tensor, or None where it holds what no tensor can."""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 5:
            _, shape, dtype, fortran, data = state
            self.tensor = _array_tensor(data, dtype, shape, bool(fortran))


class ArrayType(Placeholder):
    """A numpy dtype: called with its code; BUILD gives its byte order."""

    origin = "numpy.dtype"
    code: object = None

    def __init__(self, code: object = None, *_rest: object) -> None:
        self.code = code

    def numpy(self) -> np.dtype[Any] | None:
        """The dtype, where it is a plain number that torch has as well."""
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "<"
        if not isinstance(self.code, str) or not _CODE.fullmatch(self.code) or order not in "<|>=":
            return None
        plain = np.dtype(self.code)
        return plain.newbyteorder(">") if order == ">" else plain


def _array_tensor(data: object, dtype: object, shape: object, fortran: bool) -> torch.Tensor | None:
    kind = dtype.numpy() if isinstance(dtype, ArrayType) else None
    if kind is None or not isinstance(data, bytes | bytearray) or not isinstance(shape, tuple):
        return None
    spend_copy(len(data))
    flat = np.frombuffer(data, dtype=kind)
    array = flat.reshape(shape, order="F" if fortran else "C")
    return torch.from_numpy(np.array(array, dtype=kind.newbyteorder("="), order="C"))


def array_tensor(value: object) -> torch.Tensor | None:
    """A numpy array of the pickle as a tensor; None for anything else."""
    return value.tensor if isinstance(value, Array) else None


def reconstruct_array(*_arguments: object) -> Array:
    """How protocols before 5 begin an array; BUILD fills it."""
    return Array()


def array_from_buffer(data: object, dtype: object, shape: object, order: object, *_rest: object) -> Array:
    """How protocol 5 writes an array."""
    made = Array()
    made.tensor = _array_tensor(data, dtype, shape, order == "F")
    return made
