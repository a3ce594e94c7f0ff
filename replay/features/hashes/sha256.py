"""``sha256``: 256 bits."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from replay.config.sections.model.hash import HASHES
from replay.features.hash_function import Hashes, HashFunction


class Sha256(HashFunction):
    """The 32 bytes of the digest read big-endian, which is `int(hashlib.sha256(text).hexdigest(), 16)` of Python."""

    bits = 256

    def hash(self, values: pa.Array, seed: int) -> Hashes:
        """See :meth:`replay.features.hash_function.HashFunction.hash`."""
        texts: list[bytes] = values.to_numpy(zero_copy_only=False).tolist()
        digests = (hashlib.sha256(text, usedforsecurity=False).digest() for text in texts)
        return np.fromiter((int.from_bytes(digest, "big") for digest in digests), object, len(texts))


HASHES.register("sha256", Sha256(), rank=35)
