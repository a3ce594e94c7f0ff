from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from tests.features.hashes.values import hashed

SPARK_42 = 42


# What Spark 4.2 answers to SELECT hash(...) of one value.
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(["spark", "Zürich"]), [2101843105, -761243618]),
        (pa.array([42], pa.int32()), [29417773]),
        (pa.array([42], pa.int16()), [29417773]),
        (pa.array([42], pa.uint16()), [29417773]),
        (pa.array([42], pa.int64()), [1316951768]),
        (pa.array([42], pa.uint32()), [1316951768]),
        (pa.array([Decimal(42)], pa.decimal128(18, 0)), [1316951768]),
        (pa.array([Decimal(12345678901234567890)], pa.decimal128(20, 0)), [-493604283]),
        (pa.array([12345678901234567890], pa.uint64()), [-493604283]),
    ],
    ids=str,
)
def test_what_spark_answers(values: pa.Array, expected: list[int]) -> None:
    assert hashed("spark_hash", values, SPARK_42, signed=True) == expected
