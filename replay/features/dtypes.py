"""Tensor dtypes: what each can hold, and the numpy dtype that its values are prepared in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TensorDtype:
    """A tensor dtype.

    Attributes:
        name: Its name in the config.
        torch_dtype: The tensor's dtype.
        storage: numpy dtype that values are prepared in: the tensor's own, or float32 for bfloat16, which numpy lacks.
        kind: ``i`` (integer), ``f`` (float) or ``b`` (bool).
        low: Smallest integer it holds (of a float: negated ``high``).
        high: Largest integer it holds; of a float: the largest finite value.
        digits: Bits of a float's significand; every integer up to ``2 ** digits`` is exact. 0 for the others.
        overflow: A stored value of at least this magnitude is infinite in the tensor; infinity itself where the
            storage is the tensor's own dtype.
    """

    name: str
    torch_dtype: torch.dtype
    storage: np.dtype[Any]
    kind: str
    low: int
    high: int
    digits: int = 0
    overflow: float = float("inf")

    def tensor(self, values: Array) -> torch.Tensor:
        """A tensor over the values; shares their memory where the storage is the tensor's own dtype."""
        tensor = torch.from_numpy(values)
        return tensor if tensor.dtype == self.torch_dtype else tensor.to(self.torch_dtype)


def _integer(name: str, torch_dtype: torch.dtype) -> TensorDtype:
    info = np.iinfo(name)
    return TensorDtype(name, torch_dtype, np.dtype(name), "i", int(info.min), int(info.max))


def _float(name: str, torch_dtype: torch.dtype, storage: str, digits: int, max_exponent: int) -> TensorDtype:
    largest = (2**digits - 1) * 2 ** (max_exponent - digits)
    # Halfway from the largest value to the next power of two; ties go to even, which is infinity.
    halfway = (2 ** (digits + 1) - 1) * 2 ** (max_exponent - digits - 1)
    overflow = float("inf") if storage == name else float(halfway)
    return TensorDtype(name, torch_dtype, np.dtype(storage), "f", -largest, largest, digits, overflow)


TARGETS: Final[dict[str, TensorDtype]] = {
    "float64": _float("float64", torch.float64, "float64", 53, 1024),
    "float32": _float("float32", torch.float32, "float32", 24, 128),
    "float16": _float("float16", torch.float16, "float16", 11, 16),
    "bfloat16": _float("bfloat16", torch.bfloat16, "float32", 8, 128),
    "int64": _integer("int64", torch.int64),
    "int32": _integer("int32", torch.int32),
    "int16": _integer("int16", torch.int16),
    "int8": _integer("int8", torch.int8),
    "uint8": _integer("uint8", torch.uint8),
    "bool": TensorDtype("bool", torch.bool, np.dtype(bool), "b", 0, 1),
}
"""Every ``DType`` of the config."""
