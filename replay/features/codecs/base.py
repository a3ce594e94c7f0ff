"""What every column encoder offers: one column's values, nulls filled, in the storage of a tensor dtype."""

from __future__ import annotations

from typing import Any, Final, Protocol

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


NUMPY_TYPES: Final[dict[pa.DataType, np.dtype[Any]]] = {
    pa.bool_(): np.dtype(bool),
    pa.int8(): np.dtype(np.int8),
    pa.int16(): np.dtype(np.int16),
    pa.int32(): np.dtype(np.int32),
    pa.int64(): np.dtype(np.int64),
    pa.uint8(): np.dtype(np.uint8),
    pa.uint16(): np.dtype(np.uint16),
    pa.uint32(): np.dtype(np.uint32),
    pa.uint64(): np.dtype(np.uint64),
    pa.float16(): np.dtype(np.float16),
    pa.float32(): np.dtype(np.float32),
    pa.float64(): np.dtype(np.float64),
}
"""The types that Arrow and numpy hold alike (but for bool, which Arrow packs)."""
