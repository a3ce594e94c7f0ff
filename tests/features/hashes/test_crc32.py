from __future__ import annotations

import pyarrow as pa

from tests.features.hashes.values import hashed


def test_the_check_value_of_the_catalogue() -> None:
    assert hashed("crc32", pa.array(["", "123456789"])) == [0, 0xCBF43926]
