"""Event times that are logged as text, or as numbers with a fraction: the timestamps they stand for, in Spark SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from replay.config import TrafficConfig
from replay.errors import EXIT_REFUSED, Problem
from replay.spark.sql import text_literal
from replay.traffic.paths import ColumnPath, find_column

PLACE: Final = "traffic.time"
_MICROS: Final = {"s": " * 1000000{d}", "ms": " * 1000{d}", "us": "", "ns": " / 1000{d}"}
# Spark takes a time alone for one of today.
_HAS_DATE: Final = "rlike '^ *[0-9]{4}-'"


@dataclass(frozen=True)
class TimeReading:
    """How an event time is read.

    Attributes:
        sql: The timestamp; an error where a value is none.
        attempt: The same, null where a value is none.
        logged: The column that it is read from.
        expected: What its values should be, in words.
    """

    sql: str
    attempt: str
    logged: ColumnPath
    expected: str


def read_time(schema: pa.Schema, config: TrafficConfig) -> TimeReading | Problem | None:
    """How the event time must be read to be a timestamp; None where it is one, or an integer with a unit.

    Args:
        schema: The table's.
        config: Section ``traffic``.
    """
    found = find_column(schema, config.time.column) if config.time is not None else None
    if config.time is None or found is None:
        return None  # whoever checks columns says so
    if config.time.format is not None:
        return _by_format(found, config.time.format)
    unit = config.time.unit
    if _is_text(found.type):
        return _iso(found) if unit is None else _of_number(found, f"cast({found.sql} as double)", unit)
    if pa.types.is_float64(found.type) or pa.types.is_decimal(found.type):
        return _of_number(found, found.sql, unit)
    if pa.types.is_floating(found.type):
        return _problem(
            f"column `{found.name}` is {found.type}, which holds a time of these years to the nearest two minutes: log "
            "a double, a decimal or a timestamp"
        )
    return None


def _is_text(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_string(dtype))


def _problem(message: str) -> Problem:
    return Problem(message, path=PLACE, exit_code=EXIT_REFUSED)


def _by_format(found: ColumnPath, pattern: str) -> TimeReading | Problem:
    if not _is_text(found.type) and not pa.types.is_integer(found.type):
        return _problem(f"column `{found.name}` is {found.type}: `format` is for text; leave it out")
    text = found.sql if _is_text(found.type) else f"cast({found.sql} as string)"
    arguments = f"({text}, {text_literal(pattern)})"
    return TimeReading(f"to_timestamp{arguments}", f"try_to_timestamp{arguments}", found, f"the format {pattern!r}")


def _iso(found: ColumnPath) -> TimeReading:
    sql = found.sql
    refused = f"cast(concat('no ISO 8601 time: ', {sql}) as timestamp)"
    return TimeReading(
        f"case when {sql} {_HAS_DATE} then cast({sql} as timestamp) else {refused} end",
        f"case when {sql} {_HAS_DATE} then try_cast({sql} as timestamp) end",
        found,
        "ISO 8601 (or give the `format`)",
    )


def _of_number(found: ColumnPath, number: str, unit: str | None) -> TimeReading | Problem:
    """To the nearest microsecond; of two that are as near, the even one."""
    if unit is None:
        return _problem(
            f"column `{found.name}` is {found.type}: say its unit, `time: {{column: {found.name}, unit: s}}` "
            "(s, ms, us, ns)"
        )
    is_decimal = pa.types.is_decimal(found.type)
    scaled = number + _MICROS[unit].format(d="" if is_decimal else "D")
    rounded = f"bround({scaled})" if is_decimal else f"rint({scaled})"
    attempted = rounded.replace("cast(", "try_cast(") if number != found.sql else rounded
    return TimeReading(
        f"timestamp_micros(cast({rounded} as bigint))",
        f"timestamp_micros(try_cast({attempted} as bigint))",
        found,
        f"a number of {unit} since 1970",
    )
