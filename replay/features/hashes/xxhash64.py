"""``xxhash64``: XXH64, 64 bits (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md)."""

from __future__ import annotations

import pyarrow as pa

from replay.config.sections.model.hash import HASHES
from replay.features.hash_function import Hashes, HashFunction
from replay.xxh64 import hash_bytes


class Xxhash64(HashFunction):
    """XXH64, as the xxhash library has it. Spark's function of that name is `spark_xxhash64`."""

    bits = 64
    default_seed = 0

    def hash(self, values: pa.Array, seed: int) -> Hashes:
        """See :meth:`replay.features.hash_function.HashFunction.hash`."""
        return hash_bytes(values, seed)


HASHES.register("xxhash64", Xxhash64(), rank=10)
