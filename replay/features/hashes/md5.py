"""``md5``: 128 bits."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from replay.config.sections.model.hash import HASHES
from replay.features.hash_function import Hashes, HashFunction


class Md5(HashFunction):
    """The 16 bytes of the digest read big-endian, which is `int(hashlib.md5(text).hexdigest(), 16)` of Python."""

    bits = 128

    def hash(self, values: pa.Array, seed: int) -> Hashes:
        """See :meth:`replay.features.hash_function.HashFunction.hash`."""
        texts: list[bytes] = values.to_numpy(zero_copy_only=False).tolist()
        digests = (hashlib.md5(text, usedforsecurity=False).digest() for text in texts)
        return np.fromiter((int.from_bytes(digest, "big") for digest in digests), object, len(texts))


HASHES.register("md5", Md5(), rank=30)
