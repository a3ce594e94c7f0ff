"""``spark_hash``: Spark SQL's ``hash`` of one column, 32 bits."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.config.sections.model.hash import HASHES
from replay.features.codecs.byte_strings import ByteStrings
from replay.features.codecs.spark_numbers import spark_numbers
from replay.features.hash_function import Hashes, HashFunction
from replay.features.hashes.murmur3 import Words, finish, hash_blocks, mix


class SparkHash(HashFunction):
    """Spark SQL's `hash` of one column: `pmod(hash(c), n)`; an int or bigint is hashed as a number of its type.

    It is MurmurHash3_x86_32, but for the last bytes of text. Spark hashes a null to the seed: 42 modulo `buckets` is
    its `missing`.
    """

    bits = 32
    default_seed = 42
    modulo = "floor"
    by_type = True

    def hash(self, values: pa.Array, seed: int) -> Hashes:
        """See :meth:`replay.features.hash_function.HashFunction.hash`."""
        numbers = spark_numbers(values)
        if isinstance(numbers, np.ndarray):
            return _hash_numbers(numbers, seed)
        strings = ByteStrings(numbers)
        hashes = hash_blocks(strings, seed)
        rest = strings.lengths % 4
        for place in range(3):  # each byte that is left is a block of its own, with its sign
            rows = np.flatnonzero(rest > place)
            ends = (strings.starts + strings.lengths - rest)[rows]
            left = strings.bytes_at(ends + place).view(np.int8).astype(np.int32).view(np.uint32)
            hashes[rows] = mix(hashes[rows], left)
        return finish(hashes, strings.lengths.astype(np.uint32))


def _hash_numbers(numbers: np.ndarray, seed: int) -> Words:
    words = numbers.view(np.uint32).reshape(len(numbers), -1)  # the lower half of a long first
    hashes = np.full(len(numbers), seed, np.uint32)
    for column in words.T:
        hashes = mix(hashes, column)
    return finish(hashes, np.full(len(numbers), numbers.itemsize, np.uint32))


HASHES.register("spark_hash", SparkHash(), rank=50)
