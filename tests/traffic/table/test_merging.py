"""One schema for files that were written with different ones."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.errors import TrafficError
from replay.traffic.table.merging import (
    check_files_fit,
    holds,
    merge,
    merge_schemas,
    refused_by_spark,
    settled,
)


def test_columns_of_all_files_in_the_widest_types() -> None:
    first = pa.schema([("a", pa.int32()), ("b", pa.null())])
    second = pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.null())])
    merged = merge_schemas([first, second, first], ["1", "2", "3"])
    assert merged == pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.int32())])


def test_types_that_do_not_merge_name_both_files() -> None:
    schemas = [pa.schema([("a", pa.int64())]), pa.schema([("a", pa.string())])]
    with pytest.raises(TrafficError, match=r"column `a` is int64 in one.parquet and string in two.parquet"):
        merge_schemas(schemas, ["one.parquet", "two.parquet"])


def test_what_spark_would_not_read() -> None:
    first = pa.schema([("ts", pa.timestamp("ns")), ("n", pa.int64()), ("w", pa.int32()), ("A", pa.int8())])
    second = pa.schema([("n", pa.float64()), ("w", pa.int64()), ("a", pa.int8())])
    merged = merge_schemas([first, second], ["1", "2"])
    refused = refused_by_spark(merged, [first, second])
    assert set(refused) == {"ts", "n", "A", "a"}
    assert refused["n"] == "Spark does not read int64 as double"


def test_a_declared_schema_must_hold_what_the_files_have() -> None:
    declared = pa.schema([("a", pa.int64()), ("new", pa.string())])
    check_files_fit(declared, [pa.schema([("a", pa.int32()), ("dropped", pa.int8())])], ["1"])
    with pytest.raises(TrafficError, match=r"1: column `a` is double, but the table declares int64"):
        check_files_fit(declared, [pa.schema([("a", pa.float64())])], ["1"])


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
