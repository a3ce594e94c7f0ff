from __future__ import annotations

import pyarrow as pa

from tests.features.hashes.values import hashed


def test_the_values_of_rfc_1321() -> None:
    assert hashed("md5", pa.array(["", "abc"])) == [
        0xD41D8CD98F00B204E9800998ECF8427E,
        0x900150983CD24FB0D6963F7D28E17F72,
    ]
