from __future__ import annotations

import pyarrow as pa
import pytest

from tests.features.hashes.values import hashed


# From the xxHash specification and its sanity checks.
@pytest.mark.parametrize(
    ("text", "seed", "value"),
    [("", 0, 0xEF46DB3751D8E999), ("abc", 0, 0x44BC2CF5AD770999), ("", 2654435761, 0xAC75FDA2929B17EF)],
)
def test_published_values(text: str, seed: int, value: int) -> None:
    assert hashed("xxhash64", pa.array([text]), seed) == [value]
