"""Schemas of Delta tables, from those of Arrow: as Spark would have made them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from replay.spark.types import list_of

if TYPE_CHECKING:
    from deltalake import Schema


def delta_schema(schema: pa.Schema) -> Schema:
    """A table's schema as its log has it."""
    from deltalake import Schema

    return Schema.from_arrow(nullable_schema(schema))


def nullable_schema(schema: pa.Schema) -> pa.Schema:
    """The same columns, in each of which there may be a null: what Spark makes of a schema when it writes a table."""
    return pa.schema([pa.field(field.name, _nullable(field.type)) for field in schema])


def _nullable(dtype: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(dtype):
        return pa.struct([pa.field(field.name, _nullable(field.type)) for field in dtype])
    if pa.types.is_map(dtype):
        return pa.map_(_nullable(dtype.key_type), _nullable(dtype.item_type))
    return list_of(_nullable(dtype.value_type)) if pa.types.is_list(dtype) else dtype
