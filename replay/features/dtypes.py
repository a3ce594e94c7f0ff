"""Tensor dtypes: what each can hold, and the numpy dtype that its values are prepared in.

Torch is imported when the first tensor is made: a config that has scenarios imports perturbations, which come here too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from replay.config.sections.dtypes import DTYPES, NumberRange

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class TensorDtype(NumberRange):
    """A tensor dtype, with the values that it holds.

    Attributes:
        name: Its name in the config and in torch.
        storage: numpy dtype that values are prepared in: the tensor's own, or float32 for bfloat16, which numpy lacks.
        overflow: A stored value of at least this magnitude is infinite in the tensor; infinity itself where the
            storage is the tensor's own dtype.
    """

    name: str
    storage: np.dtype[Any]
    overflow: float = float("inf")

    def tensor(self, values: Array) -> torch.Tensor:
        """A tensor over the values; shares their memory where the storage is the tensor's own dtype."""
        import torch

        tensor, dtype = torch.from_numpy(values), getattr(torch, self.name)
        return tensor if tensor.dtype == dtype else tensor.to(dtype)


def _tensor_dtype(name: str, held: NumberRange) -> TensorDtype:
    own = asdict(held)
    if name != "bfloat16":
        return TensorDtype(**own, name=name, storage=np.dtype(name))
    # Halfway from the largest value to the next power of two; ties go to even, which is infinity.
    halfway = held.high + held.high // (2**held.digits - 1) // 2
    return TensorDtype(**own, name=name, storage=np.dtype(np.float32), overflow=float(halfway))


TARGETS: Final = {name: _tensor_dtype(name, held) for name, held in DTYPES.items()}
"""Every ``DType`` of the config."""
