from __future__ import annotations

import pytest

from replay.config.sections.model.input import Hash
from replay.features.codecs.hashing import make_hash

# Published test vectors: the xxHash specification's own, the CRC catalogue's check value, RFC 1321.
VECTORS = [
    ("xxhash64", b"", 0, 0xEF46DB3751D8E999),
    ("xxhash64", b"abc", 0, 0x44BC2CF5AD770999),
    ("crc32", b"", 0, 0),
    ("crc32", b"123456789", 0, 0xCBF43926),
    ("md5", b"", 0, 0xD41D8CD98F00B204E9800998ECF8427E),
    ("md5", b"abc", 0, 0x900150983CD24FB0D6963F7D28E17F72),
]


@pytest.mark.parametrize(("function", "data", "seed", "value"), VECTORS)
@pytest.mark.parametrize("buckets", [1, 10, 100_003, 2**31])
def test_bucket_is_the_unsigned_hash_modulo_buckets(
    function: str, data: bytes, seed: int, value: int, buckets: int
) -> None:
    config = Hash(function=function, buckets=buckets, seed=seed)  # type: ignore[arg-type]
    assert make_hash(config)(data) == value % buckets


def test_the_seed_counts() -> None:
    # XXH64 of the empty input with seed 2654435761, from the xxHash sanity checks.
    assert make_hash(Hash(buckets=2**63, seed=2654435761))(b"") == 0xAC75FDA2929B17EF % 2**63
