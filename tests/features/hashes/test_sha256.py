from __future__ import annotations

import pyarrow as pa

from tests.features.hashes.values import hashed


def test_the_value_of_fips_180() -> None:
    assert hashed("sha256", pa.array(["abc"])) == [0xBA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD]
