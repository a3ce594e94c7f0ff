"""What every column encoder offers: one column's values, nulls filled, in the storage of a tensor dtype."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from replay.features.dtypes import Array, TensorDtype
from replay.features.rejects import Reasons


class Codec(Protocol):
    """Encodes the values of one scalar column, or the elements of one list column.

    Attributes:
        fill: What a null becomes, in the target's storage; None: a null is refused.
        target: The tensor dtype.
    """

    fill: np.generic | None
    target: TensorDtype

    def encode(self, array: pa.Array, out: Array) -> Reasons | None:
        """Write the values into ``out``.

        Args:
            array: (num_values,), of the logged type that the codec was made for.
            out: (num_values,), of the target's storage; may be a strided view, such as a column of a stack.

        Returns:
            Why values are refused, (num_values,), or None where none is. What is written in their place is not defined.
        """


_INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
NUMPY_TYPES: Final = {
    pa.from_numpy_dtype(name): np.dtype(name) for name in ("bool", *_INTEGERS, "float16", "float32", "float64")
}
"""The types that Arrow and numpy hold alike (but for bool, which Arrow packs)."""
