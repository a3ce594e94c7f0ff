"""Event times in Spark as in :func:`replay.scoring.core.to_utc`: microseconds since 1970 in UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import pyarrow as pa

from replay.traffic.paths import ColumnPath
from replay.traffic.read.statistics import TICKS_PER_SECOND
from replay.traffic.selection import spark_column

if TYPE_CHECKING:
    from pyspark.sql import Column

Unit = Literal["s", "ms", "us", "ns"]

_US_PER_DAY: Final = 86_400_000_000
LATEST_US: Final = 2**62
"""Times are nearer to 1970 than this, so that a lag can be taken off without an overflow."""


def utc_micros(path: ColumnPath, unit: Unit | None) -> Column:
    """A time column as a long; null where it is null, or further than 146,000 years from 1970.

    Whatever the session's zone is, a time without one is UTC. Nanoseconds are cut to microseconds.

    Args:
        path: A timestamp, a date, or an integer.
        unit: Of an integer.
    """
    from pyspark.sql import functions as F

    micros = _micros(spark_column(path), path.type, unit)
    return F.when(micros.between(1 - LATEST_US, LATEST_US - 1), micros)


def _micros(column: Column, dtype: pa.DataType, unit: Unit | None) -> Column:
    from pyspark.sql import functions as F

    if pa.types.is_date(dtype):
        return F.unix_date(column).cast("long") * _US_PER_DAY
    if pa.types.is_timestamp(dtype):
        return F.unix_micros(column) if dtype.tz is not None else _naive_micros(column)
    ticks = column.try_cast("long")
    if unit == "ns":
        return F.call_function("div", ticks, F.lit(1_000))
    return F.try_multiply(ticks, F.lit(10**6 // TICKS_PER_SECOND[unit or "s"]))


def _naive_micros(column: Column) -> Column:
    """Of a timestamp without a zone. A cast to one with a zone would read it in the session's."""
    from pyspark.sql import functions as F

    days = F.unix_date(column.cast("date")).cast("long")
    minutes = F.hour(column).cast("long") * 60 + F.minute(column)
    seconds = F.extract(F.lit("SECOND"), column) * 1_000_000
    return days * _US_PER_DAY + minutes * 60_000_000 + seconds.cast("long")
