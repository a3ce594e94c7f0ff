"""``crc32``: 32 bits (polynomial 0x04C11DB7, reflected)."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa

from replay.config.sections.model.hash import HASHES
from replay.features.hash_function import Hashes, HashFunction


class Crc32(HashFunction):
    """CRC-32, as zlib, gzip and Spark's `crc32` compute it."""

    bits = 32

    def hash(self, values: pa.Array, seed: int) -> Hashes:
        """See :meth:`replay.features.hash_function.HashFunction.hash`."""
        texts: list[bytes] = values.to_numpy(zero_copy_only=False).tolist()
        return np.fromiter(map(zlib.crc32, texts), np.uint32, len(texts))


HASHES.register("crc32", Crc32(), rank=20)
