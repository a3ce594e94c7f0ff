"""Hashes of logged values, exactly as documented, so that any serving stack can compute the same.

A string is hashed as its UTF-8 bytes, bytes as they are, and an integer (also a decimal without a fraction) as its
decimal string, so that ``42`` and ``"42"`` fall into one bucket and no integer width or byte order matters. The hash is
read as an unsigned integer, and the bucket is that integer modulo ``buckets``:

========  ==================================================================================================
xxhash64  64 bits, with ``seed`` (0 by default)
crc32     32 bits, as zlib and gzip compute it (polynomial 0x04C11DB7, reflected)
md5       128 bits: the 16 bytes of the digest read big-endian, which is its usual hexadecimal form
========  ==================================================================================================
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable

import xxhash

from replay.config.sections.model.input import Hash


def make_hash(config: Hash) -> Callable[[bytes], int]:
    """The function from the bytes of a logged value to its bucket, 0 .. buckets - 1.

    >>> make_hash(Hash(function="crc32", buckets=1000))(b"123456789") == 0xCBF43926 % 1000
    True
    """
    buckets, seed = config.buckets, config.seed
    if config.function == "xxhash64":
        return lambda value: xxhash.xxh64_intdigest(value, seed) % buckets
    if config.function == "crc32":
        return lambda value: zlib.crc32(value) % buckets
    return lambda value: int.from_bytes(hashlib.md5(value, usedforsecurity=False).digest(), "big") % buckets
