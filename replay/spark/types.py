"""The one table of types: of logged columns, whatever file they lie in, and of Spark.

Leans on: ``pyspark.sql.pandas.types``, which translates between Arrow's types and Spark's and is no public API; how it
differs between versions, ``installed/versions.py`` knows. A Spark that reads more types than it does now makes only
:func:`spark_refuses` too careful.

The canonical type is the one that Spark gives a Parquet column, wherever Spark reads the column without loss:

=============================================  ============================  =====================================
written as                                     canonical                     Spark
=============================================  ============================  =====================================
uint8, uint16, uint32                          int16, int32, int64           the same
uint64                                         uint64                        decimal(20, 0): the same values
dictionary, run-end encoded, extension         the values' type              the same
large or view string, binary, list             string, binary, list          the same
fixed-size binary, fixed-size list             binary, list                  the same
timestamp of seconds, milli-, microseconds     timestamp[us], UTC or no zone the same
timestamp of nanoseconds                       timestamp[ns], UTC or no zone refuses it
INT96                                          timestamp[us, UTC]            the same
float16, time, decimal256                      as written                    refuses it
date64, duration                               date32, int64                 the same
null (a column of nulls alone)                 int32, once files are merged  depends on the writer: not asked to
=============================================  ============================  =====================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from replay.spark.installed.versions import NAIVE_TIMES, opaque_types, utc_times

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

_SIMPLE = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
    pa.date64(): pa.date32(),
}
DECIMAL_DIGITS = {pa.int8(): 3, pa.int16(): 5, pa.int32(): 10, pa.int64(): 19}
"""The integers, and how many decimal digits each needs."""
MAX_DIGITS = 38
"""Of a decimal of Spark's."""


def canonical(logged: pa.DataType, *, int96: bool = False) -> pa.DataType:
    """The type under which a logged column is delivered.

    Args:
        logged: As pyarrow reads it.
        int96: Its timestamps are stored as INT96, which holds instants in UTC.

    >>> canonical(pa.dictionary(pa.int8(), pa.large_string()))
    DataType(string)
    >>> canonical(pa.list_(pa.uint8(), 3))
    ListType(list<element: int16>)
    >>> canonical(pa.timestamp("ms", tz="America/New_York"))
    TimestampType(timestamp[us, tz=UTC])
    """
    types = pa.types
    if logged in _SIMPLE:
        return _SIMPLE[logged]
    if isinstance(logged, pa.BaseExtensionType):
        return canonical(logged.storage_type, int96=int96)
    if types.is_dictionary(logged) or types.is_run_end_encoded(logged):
        return canonical(logged.value_type, int96=int96)
    if types.is_timestamp(logged):
        unit = "ns" if logged.unit == "ns" and not int96 else "us"
        return pa.timestamp(unit, tz="UTC" if logged.tz is not None or int96 else None)
    if types.is_decimal(logged):
        return pa.decimal128(logged.precision, logged.scale) if logged.precision <= MAX_DIGITS else logged
    return _canonical_nested(logged, int96) if types.is_nested(logged) else _canonical_plain(logged)


def _canonical_plain(logged: pa.DataType) -> pa.DataType:
    if pa.types.is_fixed_size_binary(logged):
        return pa.binary()
    return pa.int64() if pa.types.is_duration(logged) else logged


def _canonical_nested(logged: pa.DataType, int96: bool) -> pa.DataType:
    if pa.types.is_struct(logged):
        return pa.struct([pa.field(field.name, canonical(field.type, int96=int96)) for field in logged])
    if pa.types.is_map(logged):
        key, item = canonical(logged.key_type, int96=int96), canonical(logged.item_type, int96=int96)
        return pa.map_(key, item)
    return list_of(canonical(logged.value_type, int96=int96)) if hasattr(logged, "value_type") else logged


def list_of(element: pa.DataType) -> pa.DataType:
    """A list type with Spark's name for the element."""
    return pa.list_(pa.field("element", element))


def spark_refuses(dtype: pa.DataType) -> str | None:
    """Why Spark refuses to read a canonical type from Parquet, or None.

    >>> spark_refuses(pa.timestamp("ns"))
    'Spark does not read timestamp[ns]'
    """
    types = pa.types
    refused = (
        (types.is_timestamp(dtype) and dtype.unit == "ns")
        or types.is_float16(dtype)
        or types.is_time(dtype)
        or (types.is_decimal(dtype) and dtype.precision > MAX_DIGITS)
    )
    if refused:
        return f"Spark does not read {dtype}"
    inner = (spark_refuses(dtype.field(place).type) for place in range(dtype.num_fields))
    return next((reason for reason in inner if reason is not None), None)


def has_map(dtype: pa.DataType) -> bool:
    """Whether Spark refuses to hash a type."""
    return pa.types.is_map(dtype) or any(has_map(dtype.field(place).type) for place in range(dtype.num_fields))


def spark_widens(logged: pa.DataType, target: pa.DataType) -> bool:
    """Whether Spark reads a file's column of one canonical type under another one, in any row group and encoding."""
    if logged == target:
        return True
    if pa.types.is_struct(logged) and pa.types.is_struct(target):
        known = {field.name: field.type for field in logged}
        return all(spark_widens(known.get(field.name, field.type), field.type) for field in target)
    if logged in DECIMAL_DIGITS:
        return bool(target in DECIMAL_DIGITS or (target == pa.float64() and logged != pa.int64()))
    return bool(logged == pa.float32() and target == pa.float64())


def spark_type(dtype: pa.DataType) -> pa.DataType | None:
    """The type under which rows of a canonical type enter Spark from Python, or None where there is none.

    Nanoseconds are cut to microseconds, Spark's finest.

    >>> spark_type(pa.float16()), spark_type(pa.timestamp("ns", tz="UTC")), spark_type(pa.uint64())
    (DataType(float), TimestampType(timestamp[us, tz=UTC]), Decimal128Type(decimal128(20, 0)))
    """
    if pa.types.is_timestamp(dtype):
        return pa.timestamp("us", tz=dtype.tz)
    if pa.types.is_nested(dtype):
        return _nested_spark_type(dtype)
    fixed = {pa.float16(): pa.float32(), pa.uint64(): pa.decimal128(20, 0)}
    if dtype in fixed:
        return fixed[dtype]
    return dtype if spark_refuses(dtype) is None else None


def _nested_spark_type(dtype: pa.DataType) -> pa.DataType | None:
    inner = [spark_type(dtype.field(place).type) for place in range(dtype.num_fields)]
    if pa.types.is_map(dtype):
        inner = [spark_type(dtype.key_type), spark_type(dtype.item_type)]
    if any(one is None for one in inner):
        return None
    if pa.types.is_struct(dtype):
        return pa.struct([pa.field(dtype.field(place).name, one) for place, one in enumerate(inner)])
    return pa.map_(*inner) if pa.types.is_map(dtype) else list_of(inner[0])


def stored_type(logged: pa.DataType) -> pa.DataType:
    """The type under which Spark and Delta store a logged type without loss (of nanoseconds, microseconds).

    >>> stored_type(pa.dictionary(pa.int8(), pa.large_string())), stored_type(pa.uint64())
    (DataType(string), Decimal128Type(decimal128(20, 0)))
    """
    return spark_type(canonical(logged)) or logged


def to_spark_types(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Cast a batch to types that Spark has; nanoseconds are rounded down to microseconds."""
    arrays = [to_spark_type(array, spark_type(array.type)) for array in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, batch.schema.names)


def to_spark_type(array: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast an array to the type that Spark has for it; nanoseconds are rounded down to microseconds."""
    if array.type == target:
        return array
    if pa.types.is_timestamp(array.type):
        array = pc.floor_temporal(array, unit="microsecond")
    return array.cast(target, safe=not pa.types.is_nested(target))


def spark_struct(schema: pa.Schema) -> StructType:
    """Spark's own schema for one that has Spark's types alone; a timestamp without a zone stays one."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema, **NAIVE_TIMES)


def arrow_schema(struct: StructType) -> pa.Schema:
    """Arrow's schema for one of Spark's; times are in UTC."""
    from pyspark.sql.pandas.types import to_arrow_schema

    return to_arrow_schema(struct, **utc_times())


def spark_schema(schema: pa.Schema) -> StructType:
    """A canonical schema as Spark's; columns that Spark has no type for are left out."""
    fields = [(field.name, spark_type(field.type)) for field in schema]
    return spark_struct(pa.schema([pa.field(name, dtype) for name, dtype in fields if dtype is not None]))


def readable_schema(dataframe: DataFrame) -> pa.Schema:
    """Spark's schema in canonical types; columns that have none (variant, interval, void) are left out."""
    return readable_types(dataframe.schema)


def readable_types(schema: StructType) -> pa.Schema:
    """The same of a schema that Spark would have; needs no session."""
    from pyspark.errors import PySparkException
    from pyspark.sql.pandas.types import to_arrow_type

    fields = []
    for field in schema:
        try:
            dtype = to_arrow_type(field.dataType, **utc_times())
        except PySparkException:
            continue
        if _has_plain_values(dtype):
            fields.append(pa.field(field.name, canonical(dtype)))
    return pa.schema(fields)


def _has_plain_values(dtype: pa.DataType) -> bool:
    if pa.types.is_duration(dtype) or pa.types.is_null(dtype) or pa.types.is_time(dtype):
        return False
    if pa.types.is_struct(dtype) and any(is_opaque(dtype) for is_opaque in opaque_types()):
        return False
    return all(_has_plain_values(dtype.field(place).type) for place in range(dtype.num_fields))
