from __future__ import annotations

from typing import Any

import pytest

from replay.config import HASHES, Hash
from replay.config.sections.model.hash import HashTraits


def found(**data: Any) -> list[tuple[Any, str]]:
    return [(finding.path, finding.message) for finding in Hash.check({"buckets": 5, **data})]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"function": "murmur3", "seed": 2**32 - 1, "modulo": "abs", "template": "{name}={value}"},
        {"function": "md5", "modulo": "unsigned"},
        {"function": "crc32", "seed": 0},
        {"template": "x{value}"},
    ],
)
def test_sound(data: dict[str, Any]) -> None:
    assert found(**data) == []
    Hash(buckets=5, **data)


TEMPLATE = "expected text with {value} once, and {name} or not: {name}={value}"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            {"function": "md5", "seed": 1},
            (("seed",), "`md5` takes none: it is for xxhash64, murmur3, spark_hash, spark_xxhash64"),
        ),
        (
            {"function": "murmur3", "seed": 2**32},
            (("seed",), "found 4294967296, expected less than 4294967296: `murmur3` has 32 bits"),
        ),
        (
            {"function": "md5", "modulo": "floor"},
            (("modulo",), "a hash of 128 bits is read as an unsigned number: leave it out"),
        ),
        ({"template": "{name}"}, (("template",), TEMPLATE)),
        ({"template": "{name}{value}{value}"}, (("template",), TEMPLATE)),
        ({"template": "{feature}={value}"}, (("template",), TEMPLATE)),
    ],
)
def test_mistakes(data: dict[str, Any], expected: tuple[Any, str]) -> None:
    assert found(**data) == [expected]


def test_every_function_says_what_it_is() -> None:
    assert list(HASHES) == [
        "xxhash64", "crc32", "md5", "sha256", "murmur3", "spark_hash", "spark_xxhash64", "farmhash64", "java",
    ]  # fmt: skip
    for function in HASHES.values():
        assert isinstance(function, HashTraits)
        assert function.__doc__
        assert function.bits in (32, 64, 128, 256)
