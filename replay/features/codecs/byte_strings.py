"""Byte strings of different lengths as numpy sees them, so that all of them are hashed at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.features.codecs.numeric import is_text

Positions = npt.NDArray[np.int64]


def as_bytes(values: pa.Array) -> pa.LargeBinaryArray:
    """Text and bytes as they are, integers and decimals without a fraction as their decimal text."""
    if not is_text(values.type):
        values = pc.cast(values, pa.large_string())
    return values.cast(pa.large_binary())


class ByteStrings:
    """An array of byte strings taken apart.

    Args:
        values: (num_values,), without a null.

    Attributes:
        starts: Where each begins, (num_values,).
        lengths: Bytes of each, (num_values,).
    """

    def __init__(self, values: pa.LargeBinaryArray) -> None:
        size, start = len(values), values.offset
        offsets = np.frombuffer(values.buffers()[1], np.int64, size + 1, start * 8) if size else np.zeros(1, np.int64)
        first, last = int(offsets[0]), int(offsets[-1])
        data = values.buffers()[2]
        logged = np.frombuffer(data, np.uint8, last - first, first) if last > first else np.zeros(0, np.uint8)
        self.starts: Positions = offsets[:-1] - first
        self.lengths: Positions = np.diff(offsets)
        # A word may be read that goes beyond the last byte; what lies there does not count.
        self.data: npt.NDArray[np.uint8] = np.concatenate((logged, np.zeros(8, np.uint8)))

    def bytes_at(self, positions: Positions) -> npt.NDArray[np.uint8]:
        """The bytes at some positions."""
        return self.data[positions]

    def words_at(
        self, positions: Positions, dtype: type[np.uint32] | type[np.uint64]
    ) -> npt.NDArray[np.unsignedinteger]:
        """The little-endian words that begin at some positions, aligned or not."""
        width = np.dtype(dtype).itemsize
        every = np.ndarray((len(self.data) - width + 1,), np.dtype(dtype).newbyteorder("<"), self.data, strides=(1,))
        return every[positions].astype(dtype, copy=False)
