"""One type for each logged column, whatever file it lies in: canonical types, and how types of several files merge.

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

import pyarrow as pa

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
_DECIMAL_DIGITS = {pa.int8(): 3, pa.int16(): 5, pa.int32(): 10, pa.int64(): 19}
_FLOAT_WIDTHS = (pa.float16(), pa.float32(), pa.float64())
_SPARK_DIGITS = 38


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
        return pa.decimal128(logged.precision, logged.scale) if logged.precision <= _SPARK_DIGITS else logged
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


def settled(dtype: pa.DataType) -> pa.DataType:
    """A merged type, with what is null in every file read as int32, the type that Spark gives it."""
    types = pa.types
    if types.is_null(dtype):
        return pa.int32()
    if types.is_struct(dtype):
        return pa.struct([pa.field(field.name, settled(field.type)) for field in dtype])
    if types.is_map(dtype):
        return pa.map_(settled(dtype.key_type), settled(dtype.item_type))
    return list_of(settled(dtype.value_type)) if types.is_list(dtype) else dtype


def list_of(element: pa.DataType) -> pa.DataType:
    """A list type with Spark's name for the element."""
    return pa.list_(pa.field("element", element))


def merge(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    """The canonical type that holds two canonical types without loss, or None.

    An integer of 64 bits merges with a float64: readers check that each value is exact.

    >>> merge(pa.int32(), pa.int64()), merge(pa.int32(), pa.string())
    (DataType(int64), None)
    >>> merge(pa.struct([("a", pa.int32())]), pa.struct([("b", pa.string())]))
    StructType(struct<a: int32, b: string>)
    """
    if left == right or pa.types.is_null(right):
        return left
    if pa.types.is_null(left):
        return right
    if pa.types.is_timestamp(left) and pa.types.is_timestamp(right):
        return pa.timestamp("ns", tz=left.tz) if left.tz == right.tz else None
    if pa.types.is_nested(left) and pa.types.is_nested(right):
        return _merge_nested(left, right)
    return _merge_numbers(left, right)


def _merge_numbers(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    integers = [dtype for dtype in (left, right) if dtype in _DECIMAL_DIGITS]
    floats = [dtype for dtype in (left, right) if dtype in _FLOAT_WIDTHS]
    if len(integers) == 2:
        return max(integers, key=lambda dtype: dtype.bit_width)
    if len(floats) == 2:
        return max(floats, key=lambda dtype: dtype.bit_width)
    if integers and floats:
        return pa.float64()
    if all(dtype in _DECIMAL_DIGITS or pa.types.is_decimal128(dtype) for dtype in (left, right)):
        return _merge_decimals(left, right)
    return None


def _merge_decimals(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    sizes = [(_DECIMAL_DIGITS[t], 0) if t in _DECIMAL_DIGITS else (t.precision, t.scale) for t in (left, right)]
    scale = max(scale for _, scale in sizes)
    precision = max(precision - own for precision, own in sizes) + scale
    return pa.decimal128(precision, scale) if precision <= _SPARK_DIGITS else None


def _merge_nested(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    if pa.types.is_struct(left) and pa.types.is_struct(right):
        return _merge_structs(left, right)
    if pa.types.is_map(left) and pa.types.is_map(right):
        key, item = merge(left.key_type, right.key_type), merge(left.item_type, right.item_type)
        return pa.map_(key, item) if key is not None and item is not None else None
    if pa.types.is_list(left) and pa.types.is_list(right):
        element = merge(left.value_type, right.value_type)
        return list_of(element) if element is not None else None
    return None


def _merge_structs(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    fields = {field.name: field.type for field in left}
    for field in right:
        merged = merge(fields[field.name], field.type) if field.name in fields else field.type
        if merged is None:
            return None
        fields[field.name] = merged
    return pa.struct([pa.field(name, dtype) for name, dtype in fields.items()])


def holds(target: pa.DataType, logged: pa.DataType) -> bool:
    """Whether values of a canonical type can be delivered as the target type.

    >>> holds(pa.int64(), pa.int32()), holds(pa.int32(), pa.int64())
    (True, False)
    """
    return bool(merge(target, logged) == target)


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
        or (types.is_decimal(dtype) and dtype.precision > _SPARK_DIGITS)
    )
    if refused:
        return f"Spark does not read {dtype}"
    inner = (spark_refuses(dtype.field(place).type) for place in range(dtype.num_fields))
    return next((reason for reason in inner if reason is not None), None)


def spark_widens(logged: pa.DataType, target: pa.DataType) -> bool:
    """Whether Spark reads a file's column of one canonical type under another one, in any row group and encoding."""
    if logged == target:
        return True
    if pa.types.is_struct(logged) and pa.types.is_struct(target):
        known = {field.name: field.type for field in logged}
        return all(spark_widens(known.get(field.name, field.type), field.type) for field in target)
    if logged in _DECIMAL_DIGITS:
        return bool(target in _DECIMAL_DIGITS or (target == pa.float64() and logged != pa.int64()))
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
