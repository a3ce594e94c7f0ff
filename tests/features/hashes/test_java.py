from __future__ import annotations

import pyarrow as pa

from tests.features.hashes.values import hashed

# "polygenelubricants" is the well-known string whose hash is the least int; the others by hand: sum of c * 31**(n-1-i).
KNOWN = {"": 0, "a": 97, "ab": 97 * 31 + 98, "hello": 99162322, "polygenelubricants": -(2**31)}


def by_the_definition(text: str) -> int:
    units = memoryview(text.encode("utf-16-le")).cast("H")
    value = 0
    for unit in units:
        value = (31 * value + unit) % 2**32
    return value - 2**32 if value >= 2**31 else value


def test_known_values() -> None:
    assert hashed("java", pa.array([*KNOWN]), signed=True) == [*KNOWN.values()]


def test_text_that_is_not_ascii_goes_by_utf_16_units() -> None:
    texts = ["é", "日本語", "a\U0001f600b", ""]
    assert hashed("java", pa.array(texts), signed=True) == [by_the_definition(text) for text in texts]
