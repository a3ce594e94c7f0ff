"""One type for a column that files have with different types, and one schema for files with different ones."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from replay.errors import TrafficError
from replay.spark.types import DECIMAL_DIGITS, MAX_DIGITS, list_of, spark_refuses, spark_widens

_FLOAT_WIDTHS = (pa.float16(), pa.float32(), pa.float64())


def merge_schemas(schemas: Sequence[pa.Schema], paths: Sequence[str]) -> pa.Schema:
    """The schema that holds every file's rows without loss: a column of any file, in the widest type of all files.

    Args:
        schemas: Canonical, one a file.
        paths: For the message.

    Raises:
        TrafficError: A column has types that no one type holds; both files are named.
    """
    merged: dict[str, pa.DataType] = {}
    first: dict[str, str] = {}
    for schema, path in _distinct(schemas, paths):
        for field in schema:
            known = merged.get(field.name, field.type)
            both = merge(known, field.type)
            if both is None:
                raise TrafficError(
                    f"column `{field.name}` is {known} in {first[field.name]} and {field.type} in {path}: "
                    "expected types that one column can hold without loss; write one of the files again"
                )
            merged[field.name] = both
            first.setdefault(field.name, path)
    return pa.schema([pa.field(name, settled(dtype)) for name, dtype in merged.items()])


def refused_by_spark(schema: pa.Schema, file_schemas: Sequence[pa.Schema]) -> dict[str, str]:
    """Columns that Spark cannot read from these files under the merged schema, each with the reason."""
    reasons: dict[str, str] = {}
    for field in schema:
        reason = spark_refuses(field.type)
        if reason is not None:
            reasons[field.name] = reason
    for file_schema in dict.fromkeys(file_schemas):
        for field in file_schema:
            index = schema.get_field_index(field.name)
            if index >= 0 and field.name not in reasons and not spark_widens(field.type, schema.field(index).type):
                reasons[field.name] = f"Spark does not read {field.type} as {schema.field(index).type}"
    folded: dict[str, str] = {}
    for name in schema.names:
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            reasons[name] = reasons[other] = f"Spark does not tell `{other}` from `{name}`"
    return reasons


def check_files_fit(schema: pa.Schema, file_schemas: Sequence[pa.Schema], paths: Sequence[str]) -> None:
    """Check that every file's columns can be delivered under a schema that the table itself declares.

    Raises:
        TrafficError: One cannot; the file and the column are named.
    """
    for file_schema, path in _distinct(file_schemas, paths):
        for field in file_schema:
            index = schema.get_field_index(field.name)
            if index >= 0 and not holds(schema.field(index).type, field.type):
                raise TrafficError(
                    f"{path}: column `{field.name}` is {field.type}, but the table declares "
                    f"{schema.field(index).type}: write the file again, or repair the table"
                )


def _distinct(schemas: Sequence[pa.Schema], paths: Sequence[str]) -> list[tuple[pa.Schema, str]]:
    """Each different schema once, with the first file that has it: thousands of files share a few."""
    seen: dict[pa.Schema, str] = {}
    for schema, path in zip(schemas, paths, strict=True):
        seen.setdefault(schema, path)
    return list(seen.items())


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
    integers = [dtype for dtype in (left, right) if dtype in DECIMAL_DIGITS]
    floats = [dtype for dtype in (left, right) if dtype in _FLOAT_WIDTHS]
    if len(integers) == 2:
        return max(integers, key=lambda dtype: dtype.bit_width)
    if len(floats) == 2:
        return max(floats, key=lambda dtype: dtype.bit_width)
    if integers and floats:
        return pa.float64()
    if all(dtype in DECIMAL_DIGITS or pa.types.is_decimal128(dtype) for dtype in (left, right)):
        return _merge_decimals(left, right)
    return None


def _merge_decimals(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    sizes = [(DECIMAL_DIGITS[t], 0) if t in DECIMAL_DIGITS else (t.precision, t.scale) for t in (left, right)]
    scale = max(scale for _, scale in sizes)
    precision = max(precision - own for precision, own in sizes) + scale
    return pa.decimal128(precision, scale) if precision <= MAX_DIGITS else None


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
