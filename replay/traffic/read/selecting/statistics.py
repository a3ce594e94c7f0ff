"""What a Parquet footer tells of a column's values in a row group."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

TICKS_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_PARQUET_UNITS: Final = {"milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}
_WHOLE_TEXT: Final = 32
"""Bytes from which on a text may stand for the longer one that it begins."""


@dataclass(frozen=True)
class ValueRange:
    """Between which values those of a column lie, all that are not null and no NaN.

    Attributes:
        low: The smallest: a number; days or ticks of a time; of text its bytes.
        high: The largest.
        has_nulls: Whether there may be nulls.
    """

    low: Any
    high: Any
    has_nulls: bool


def value_range(group: Any, leaf: str | None, dtype: pa.DataType) -> ValueRange | None:
    """The range of a column, or None where the footer does not say, or says what cannot be relied on.

    Args:
        group: ``pyarrow.parquet.RowGroupMetaData``.
        leaf: The column's dotted place in the footer; None for what has none.
        dtype: The type that it is read as.
    """
    found = next((one.statistics for one in _columns(group) if one.path_in_schema == leaf), None)
    if found is None or not found.has_min_max:
        return None
    bounds = _bounds(found, dtype)
    if bounds is None:
        return None
    return ValueRange(*bounds, not found.has_null_count or found.null_count > 0)


def _columns(group: Any) -> list[Any]:
    return [group.column(index) for index in range(group.num_columns)]


def _bounds(found: Any, dtype: pa.DataType) -> tuple[Any, Any] | None:
    if pa.types.is_timestamp(dtype):
        unit = _file_unit(found)
        if unit is None:
            return None
        ticks = TICKS_PER_SECOND[dtype.unit]
        return found.min_raw * ticks // TICKS_PER_SECOND[unit], found.max_raw * ticks // TICKS_PER_SECOND[unit]
    if pa.types.is_integer(dtype):
        return (found.min, found.max) if type(found.min) is int else None
    if pa.types.is_floating(dtype):
        known = type(found.min) is float and found.min == found.min and found.max == found.max
        return (found.min, found.max) if known else None
    if pa.types.is_date(dtype):
        return (found.min_raw, found.max_raw) if found.logical_type.type == "DATE" else None
    if pa.types.is_string(dtype):
        raw = found.min_raw, found.max_raw
        return raw if all(isinstance(text, bytes) and len(text) < _WHOLE_TEXT for text in raw) else None
    return None


def _file_unit(statistics: Any) -> str | None:
    """Unit of a timestamp column as the file stores it; None for INT96, whose statistics are not to be trusted."""
    if statistics.physical_type != "INT64" or statistics.logical_type.type != "TIMESTAMP":
        return None
    return _PARQUET_UNITS.get(json.loads(statistics.logical_type.to_json())["timeUnit"])
