"""Floats of a log that writes NaN where it has no value."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.features.codecs.base import Codec
from replay.features.codecs.buffers import plain
from replay.features.dtypes import Array, TensorDtype
from replay.features.rejects import Reasons


class NanAsNullCodec:
    """Takes a NaN for a null: it is filled or refused as one.

    Args:
        codec: Of a column of floats.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.fill: np.generic | None = codec.fill
        self.target: TensorDtype = codec.target

    def encode(self, array: pa.Array, out: Array) -> Reasons | None:
        """See :meth:`replay.features.codecs.base.Codec.encode`."""
        values = plain(array)
        nan = pc.is_nan(values)
        if pc.any(nan).as_py():
            values = pc.if_else(nan, pa.scalar(None, values.type), values)
        return self._codec.encode(values, out)
