"""Types of logged columns and of Spark."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.spark.types import (
    arrow_schema,
    canonical,
    spark_refuses,
    spark_struct,
    spark_type,
    spark_widens,
    stored_type,
    to_spark_types,
)


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


def test_a_column_of_nulls_has_no_physical_type_that_spark_could_widen() -> None:
    assert not spark_widens(pa.null(), pa.int32())  # writers store it under different ones


@pytest.mark.parametrize("dtype", [pa.timestamp("ns"), pa.float16(), pa.time64("us"), pa.decimal256(60, 0)])
def test_spark_refuses_a_type_however_deep(dtype: pa.DataType) -> None:
    assert spark_refuses(pa.struct([("a", pa.list_(dtype))])) is not None


def test_spark_types_keep_the_values() -> None:
    logged = pa.struct([("a", pa.list_(pa.float16())), ("b", pa.map_(pa.string(), pa.uint64()))])
    expected = pa.struct([("a", pa.list_(pa.float32())), ("b", pa.map_(pa.string(), pa.decimal128(20, 0)))])
    assert spark_type(logged) == expected
    assert spark_type(pa.struct([("t", pa.time64("us"))])) is None


@pytest.mark.parametrize(
    ("logged", "expected"),
    [
        (pa.uint8(), pa.int16()),
        (pa.uint64(), pa.decimal128(20, 0)),
        (pa.float16(), pa.float32()),
        (pa.large_binary(), pa.binary()),
        (pa.dictionary(pa.int8(), pa.string_view()), pa.string()),
        (pa.timestamp("ns"), pa.timestamp("us")),
        (pa.timestamp("s", tz="Asia/Tokyo"), pa.timestamp("us", tz="UTC")),
        (pa.time64("us"), pa.time64("us")),  # Spark has none: whoever stores it is told so
    ],
)
def test_what_is_stored(logged: pa.DataType, expected: pa.DataType) -> None:
    assert stored_type(logged) == expected


def test_rows_are_cast_to_sparks_types_and_nanoseconds_rounded_down() -> None:
    batch = pa.record_batch(
        {"t": pa.array([1_999, -1], pa.timestamp("ns")), "u": pa.array([2**64 - 1, 0], pa.uint64())}
    )
    cast = to_spark_types(batch)
    assert cast.column("t").cast(pa.int64()).to_pylist() == [1, -1]
    assert [int(value) for value in cast.column("u").to_pylist()] == [2**64 - 1, 0]


def test_schemas_go_to_spark_and_back() -> None:
    schema = pa.schema([("a", pa.int64()), ("b", pa.list_(pa.string())), ("t", pa.timestamp("us", tz="UTC"))])
    assert arrow_schema(spark_struct(schema)) == schema
