"""What Delta's log says of the values in a file, so that a reader can skip it: ranges and nulls by column.

A range that is too narrow makes readers skip rows that they ask for, so one is left out wherever it could be: of floats
with a NaN or an infinity, of what has no order, of times that ISO 8601 has no four-digit year for.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_MOST_CHARACTERS = 32
"""Of a text; a longer one is cut to a bound of it, as Spark does."""
_LAST_CHARACTER = "\U0010ffff"
_EXACT_DIGITS = 15
"""Of a decimal that every reader of JSON reads as it is."""


class FileStatistics:
    """Collects what the log says of a file.

    Args:
        schema: Of the file.
        indexed: Columns, from the first, that are described; nested ones among them are not.
    """

    def __init__(self, schema: pa.Schema, indexed: int) -> None:
        self._columns = [field for field in list(schema)[:indexed] if not pa.types.is_nested(field.type)]
        self._rows = 0
        self._nulls = {field.name: 0 for field in self._columns}
        self._ranges: dict[str, tuple[Any, Any] | None] = {}
        self._unordered = {field.name for field in self._columns if not _has_order(field.type)}

    def update(self, table: pa.Table) -> None:
        """Take account of more rows."""
        self._rows += table.num_rows
        for field in self._columns:
            column = table.column(field.name)
            self._nulls[field.name] += column.null_count
            if field.name not in self._unordered and column.null_count < len(column):
                self._widen(field.name, column)

    def to_json(self) -> str:
        """Render as ``stats`` of Delta's protocol."""
        lowest, highest = {}, {}
        for field in self._columns:
            found = self._ranges.get(field.name)
            if found is not None and field.name not in self._unordered:
                lowest[field.name], highest[field.name] = _bounds(field.type)(*found)
        known = {
            "numRecords": self._rows,
            "minValues": {name: bound for name, bound in lowest.items() if bound is not None},
            "maxValues": {name: bound for name, bound in highest.items() if bound is not None},
            "nullCount": self._nulls,
        }
        return json.dumps(known)

    def _widen(self, name: str, column: pa.ChunkedArray) -> None:
        found = _range(column)
        if found is None:
            self._unordered.add(name)
            return
        known = self._ranges.get(name)
        self._ranges[name] = found if known is None else (min(known[0], found[0]), max(known[1], found[1]))


def _has_order(dtype: pa.DataType) -> bool:
    types = pa.types
    if types.is_decimal(dtype):
        return bool(dtype.precision <= _EXACT_DIGITS)
    ordered = (types.is_string, types.is_integer, types.is_floating, types.is_timestamp, types.is_date32)
    return any(is_one(dtype) for is_one in ordered)


def _range(column: pa.ChunkedArray) -> tuple[Any, Any] | None:
    """Lowest and highest value of a column that has one; None where they cannot be said."""
    if pa.types.is_floating(column.type):
        # Of Arrow's range, NaN is no part; of numpy's it is. Spark has it above all numbers.
        chunks = [chunk.drop_null().to_numpy() for chunk in column.chunks]
        bounds = np.array([(chunk.min(), chunk.max()) for chunk in chunks if chunk.size], np.float64)
        return (float(bounds.min()), float(bounds.max())) if np.isfinite(bounds).all() else None
    found = pc.min_max(column)
    try:
        return found["min"].as_py(), found["max"].as_py()
    except (ValueError, OverflowError):
        return None  # Python's calendar ends before Arrow's


def _bounds(dtype: pa.DataType) -> Callable[[Any, Any], tuple[Any, Any]]:
    """How a range of a type is written: each bound as JSON has it, or None where it is left out."""
    if pa.types.is_string(dtype):
        return lambda lowest, highest: (lowest[:_MOST_CHARACTERS], _text_above(highest))
    if pa.types.is_floating(dtype):
        # Zero is the same number under both signs, and not in every reader's order.
        return lambda lowest, highest: (lowest or -0.0, highest or 0.0)
    return lambda lowest, highest: (_plain(lowest), _plain(highest))


def _text_above(text: str) -> str | None:
    """A text that is as long as a bound may be, and that neither the text nor any before it comes after."""
    if len(text) <= _MOST_CHARACTERS:
        return text
    return None if text[_MOST_CHARACTERS] == _LAST_CHARACTER else text[:_MOST_CHARACTERS] + _LAST_CHARACTER


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        text = value.replace(tzinfo=None).isoformat(timespec="microseconds")
        return text if value.tzinfo is None else f"{text}Z"
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
