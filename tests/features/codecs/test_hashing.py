from __future__ import annotations

import pyarrow as pa
import pytest

from replay.config.sections.model.hash import Hash
from replay.features.codecs.hashing import make_hash

# Published test vectors: the xxHash specification's own, the CRC catalogue's check value, RFC 1321.
VECTORS = [
    ("xxhash64", b"", 0, 0xEF46DB3751D8E999),
    ("xxhash64", b"abc", 0, 0x44BC2CF5AD770999),
    ("crc32", b"", None, 0),
    ("crc32", b"123456789", None, 0xCBF43926),
    ("md5", b"", None, 0xD41D8CD98F00B204E9800998ECF8427E),
    ("md5", b"abc", None, 0x900150983CD24FB0D6963F7D28E17F72),
]


def bucket(value: object, kind: pa.DataType | None = None, feature: str = "", **config: object) -> int:
    return make_hash(Hash.model_validate(config), feature)(pa.array([value], kind)).item()


@pytest.mark.parametrize(("function", "data", "seed", "value"), VECTORS)
@pytest.mark.parametrize("buckets", [1, 10, 100_003, 2**31])
def test_bucket_is_the_unsigned_hash_modulo_buckets(
    function: str, data: bytes, seed: int | None, value: int, buckets: int
) -> None:
    assert bucket(data, function=function, buckets=buckets, seed=seed) == value % buckets


def test_the_seed_counts() -> None:
    # XXH64 of the empty input with seed 2654435761, from the xxHash sanity checks.
    assert bucket(b"", buckets=2**63, seed=2654435761) == 0xAC75FDA2929B17EF % 2**63


# "polygenelubricants".hashCode() is -2**31 in Java, and "hello".hashCode() 99162322.
@pytest.mark.parametrize(
    ("modulo", "expected"),
    [("unsigned", 2**31 % 1000), ("floor", -(2**31) % 1000), ("abs", 2**31 % 1000), (None, -(2**31) % 1000)],
)
def test_how_a_signed_hash_becomes_a_bucket(modulo: str | None, expected: int) -> None:
    assert bucket("polygenelubricants", function="java", buckets=1000, modulo=modulo) == expected
    assert bucket("hello", function="java", buckets=1000, modulo=modulo) == 322


def test_a_template_is_hashed_in_place_of_the_value() -> None:
    plain = bucket("city=Oslo!", function="crc32", buckets=10**6)
    given = {"function": "crc32", "buckets": 10**6, "template": "{name}={value}!"}
    assert bucket("Oslo", feature="city", **given) == plain
    number = bucket("n=7!", function="crc32", buckets=10**6)
    assert bucket(7, pa.int32(), feature="n", **given) == number


def test_with_a_template_numbers_are_text_to_spark_too() -> None:
    given = {"function": "spark_hash", "buckets": 10**6}
    assert bucket(7, pa.int32(), feature="n", template="{value}", **given) == bucket("7", **given)
    assert bucket(7, pa.int32(), **given) != bucket("7", **given)
