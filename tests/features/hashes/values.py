"""Values to hash, and what a function makes of them."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa

from replay.config.sections.model.hash import HASHES
from replay.features.codecs.byte_strings import as_bytes
from replay.features.hash_function import HashFunction

_DRAWN = random.Random(0)
TEXTS = [
    *("", "a", "ab", "abc", "abcd", "é", "日本語", "\U0001f600"),
    *("".join(chr(_DRAWN.randrange(32, 300)) for _ in range(_DRAWN.randrange(0, 100))) for _ in range(200)),
]


def hashed(name: str, values: pa.Array, seed: int = 0, *, signed: bool = False) -> list[Any]:
    """Hashes of values: text, or numbers where the function takes these as they are."""
    function = HASHES[name]
    assert isinstance(function, HashFunction)
    given = values if pa.types.is_integer(values.type) or pa.types.is_decimal(values.type) else as_bytes(values)
    found = function.hash(given, seed)
    assert len(found) == len(values)
    return (found.view(f"i{found.dtype.itemsize}") if signed else found).tolist()
