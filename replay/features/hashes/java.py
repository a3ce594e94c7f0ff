"""``java``: ``String.hashCode`` of Java, Scala and Kotlin, 32 bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.config.sections.model.hash import HASHES
from replay.features.codecs.byte_strings import ByteStrings, Positions
from replay.features.hash_function import Hashes, HashFunction


class JavaHash(HashFunction):
    """Java's `String.hashCode()`: `Math.floorMod(s.hashCode(), n)`.

    `Math.abs(s.hashCode()) % n` is `modulo: abs`.
    """

    bits = 32
    modulo = "floor"

    def hash(self, values: pa.Array, seed: int) -> Hashes:
        """See :meth:`replay.features.hash_function.HashFunction.hash`."""
        units, starts, lengths = _utf16(values)
        hashes = np.zeros(len(lengths), np.uint32)
        for place in range(int(lengths.max(initial=0))):
            rows = np.flatnonzero(lengths > place)
            hashes[rows] = hashes[rows] * np.uint32(31) + units[starts[rows] + place]
        return hashes


def _utf16(values: pa.LargeBinaryArray) -> tuple[npt.NDArray[np.uint32], Positions, Positions]:
    """The UTF-16 units of all strings, where each begins, and how many each has."""
    strings = ByteStrings(values)
    if not (strings.data & 0x80).any():
        return strings.data.astype(np.uint32), strings.starts, strings.lengths
    texts = [text.decode(errors="replace").encode("utf-16-le") for text in values.to_numpy(zero_copy_only=False)]
    lengths = np.fromiter((len(text) // 2 for text in texts), np.int64, len(texts))
    units = np.frombuffer(b"".join(texts), "<u2").astype(np.uint32)
    return units, np.cumsum(lengths) - lengths, lengths


HASHES.register("java", JavaHash(), rank=80)
