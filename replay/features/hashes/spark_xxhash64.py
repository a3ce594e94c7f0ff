"""``spark_xxhash64``: Spark SQL's ``xxhash64`` of one column, 64 bits."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.config.sections.model.hash import HASHES
from replay.features.codecs.spark_numbers import spark_numbers
from replay.features.hash_function import Hashes, HashFunction
from replay.xxh64 import hash_bytes, hash_words


class SparkXxhash64(HashFunction):
    """Spark SQL's `xxhash64` of one column: `pmod(xxhash64(c), n)`; an int or bigint is hashed as a number of its type.

    It is XXH64, with another seed. Spark hashes a null to the seed: 42 modulo `buckets` is its `missing`.
    """

    bits = 64
    default_seed = 42
    modulo = "floor"
    by_type = True

    def hash(self, values: pa.Array, seed: int) -> Hashes:
        """See :meth:`replay.features.hash_function.HashFunction.hash`."""
        numbers = spark_numbers(values)
        return hash_words(numbers, seed) if isinstance(numbers, np.ndarray) else hash_bytes(numbers, seed)


HASHES.register("spark_xxhash64", SparkXxhash64(), rank=60)
