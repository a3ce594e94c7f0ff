from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from replay.features.codecs.spark_numbers import spark_numbers


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (pa.int8(), np.int32), (pa.int16(), np.int32), (pa.int32(), np.int32), (pa.int64(), np.int64),
        (pa.uint8(), np.int32), (pa.uint16(), np.int32), (pa.uint32(), np.int64),
    ],
    ids=str,
)  # fmt: skip
def test_integers_have_the_width_that_spark_reads_them_with(kind: pa.DataType, dtype: type) -> None:
    found = spark_numbers(pa.array([1, 2], kind))
    assert found.dtype == dtype
    assert found.tolist() == [1, 2]


def test_decimals_are_longs_or_the_bytes_of_javas_big_integer() -> None:
    assert spark_numbers(pa.array([Decimal(5)], pa.decimal128(18, 0))).dtype == np.int64
    wide = spark_numbers(pa.array([Decimal(128), Decimal(-129), Decimal(0)], pa.decimal128(19, 0)))
    assert wide.to_pylist() == [b"\x00\x80", b"\xff\x7f", b"\x00"]
    assert spark_numbers(pa.array([2**63], pa.uint64())).to_pylist() == [b"\x00\x80" + bytes(7)]


def test_bytes_stay() -> None:
    values = pa.array([b"x"], pa.large_binary())
    assert spark_numbers(values) is values
