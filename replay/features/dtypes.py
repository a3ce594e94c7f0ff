"""Tensor dtypes: the torch dtype of each of the config's, and the numpy dtype that its values are prepared in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from replay.config.sections.dtypes import DTYPES, NumberRange

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class TensorDtype(NumberRange):
    """A tensor dtype, with the values that it holds.

    Attributes:
        name: Its name in the config.
        torch_dtype: The tensor's dtype.
        storage: numpy dtype that values are prepared in: the tensor's own, or float32 for bfloat16, which numpy lacks.
        overflow: A stored value of at least this magnitude is infinite in the tensor; infinity itself where the
            storage is the tensor's own dtype.
    """

    name: str
    torch_dtype: torch.dtype
    storage: np.dtype[Any]
    overflow: float = float("inf")

    def tensor(self, values: Array) -> torch.Tensor:
        """A tensor over the values; shares their memory where the storage is the tensor's own dtype."""
        tensor = torch.from_numpy(values)
        return tensor if tensor.dtype == self.torch_dtype else tensor.to(self.torch_dtype)


def _tensor_dtype(name: str, held: NumberRange) -> TensorDtype:
    own, torch_dtype = asdict(held), getattr(torch, name)
    if name != "bfloat16":
        return TensorDtype(**own, name=name, torch_dtype=torch_dtype, storage=np.dtype(name))
    # Halfway from the largest value to the next power of two; ties go to even, which is infinity.
    halfway = held.high + held.high // (2**held.digits - 1) // 2
    storage = np.dtype(np.float32)
    return TensorDtype(**own, name=name, torch_dtype=torch_dtype, storage=storage, overflow=float(halfway))


TARGETS: Final = {name: _tensor_dtype(name, held) for name, held in DTYPES.items()}
"""Every ``DType`` of the config."""
