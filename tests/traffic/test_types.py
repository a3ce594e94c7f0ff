"""Canonical types, and how the types of several files merge."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.traffic.types import canonical, holds, merge, settled, spark_refuses, spark_type, spark_widens


@pytest.mark.parametrize(
    ("logged", "expected"),
    [
        (pa.uint32(), pa.int64()),
        (pa.uint64(), pa.uint64()),
        (pa.dictionary(pa.int32(), pa.large_string()), pa.string()),
        (pa.list_(pa.float32(), 4), pa.list_(pa.float32())),
        (pa.large_list(pa.uint8()), pa.list_(pa.int16())),
        (pa.struct([("a", pa.timestamp("ms"))]), pa.struct([("a", pa.timestamp("us"))])),
        (pa.map_(pa.large_string(), pa.uint16()), pa.map_(pa.string(), pa.int32())),
        (pa.timestamp("ns", tz="Asia/Tokyo"), pa.timestamp("ns", tz="UTC")),
        (pa.binary(16), pa.binary()),
        (pa.uuid(), pa.binary()),
        (pa.decimal64(10, 2), pa.decimal128(10, 2)),
        (pa.decimal256(60, 2), pa.decimal256(60, 2)),
        (pa.duration("ns"), pa.int64()),
        (pa.null(), pa.null()),
    ],
)
def test_canonical_types(logged: pa.DataType, expected: pa.DataType) -> None:
    assert canonical(logged) == expected


def test_int96_is_an_instant_however_deep() -> None:
    assert canonical(pa.list_(pa.timestamp("ns")), int96=True) == pa.list_(pa.timestamp("us", tz="UTC"))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (pa.int8(), pa.int32(), pa.int32()),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.int32(), pa.float32(), pa.float64()),
        (pa.null(), pa.string(), pa.string()),
        (pa.decimal128(10, 2), pa.decimal128(10, 4), pa.decimal128(12, 4)),
        (pa.int32(), pa.decimal128(5, 2), pa.decimal128(12, 2)),
        (pa.decimal128(38, 0), pa.decimal128(38, 10), None),
        (pa.list_(pa.int32()), pa.list_(pa.int64()), pa.list_(pa.int64())),
        (pa.map_(pa.string(), pa.int32()), pa.map_(pa.string(), pa.string()), None),
        (pa.timestamp("us"), pa.timestamp("us", tz="UTC"), None),
        (pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("ns")),
        (pa.string(), pa.binary(), None),
        (pa.uint64(), pa.int64(), None),
    ],
)
def test_merging_two_types(left: pa.DataType, right: pa.DataType, expected: pa.DataType | None) -> None:
    assert merge(left, right) == expected
    assert merge(right, left) == expected


def test_a_null_column_settles_as_int32_and_fits_anything() -> None:
    assert settled(pa.list_(pa.null())) == pa.list_(pa.int32())
    assert holds(pa.string(), pa.null())
    assert not spark_widens(pa.null(), pa.int32())  # writers store it under different physical types


@pytest.mark.parametrize("dtype", [pa.timestamp("ns"), pa.float16(), pa.time64("us"), pa.decimal256(60, 0)])
def test_spark_refuses_a_type_however_deep(dtype: pa.DataType) -> None:
    assert spark_refuses(pa.struct([("a", pa.list_(dtype))])) is not None


def test_spark_types_keep_the_values() -> None:
    logged = pa.struct([("a", pa.list_(pa.float16())), ("b", pa.map_(pa.string(), pa.uint64()))])
    expected = pa.struct([("a", pa.list_(pa.float32())), ("b", pa.map_(pa.string(), pa.decimal128(20, 0)))])
    assert spark_type(logged) == expected
    assert spark_type(pa.struct([("t", pa.time64("us"))])) is None
