"""Event times in Spark, and in tasks, as in :func:`replay.scoring.core.to_utc`: microseconds since 1970 in UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.traffic.paths import ColumnPath
from replay.traffic.read.selecting.statistics import TICKS_PER_SECOND
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


def micros_of(values: pa.Array, unit: Unit | None) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """What :func:`utc_micros` says of logged values.

    Args:
        values: (n,) of timestamps, dates or integers.
        unit: Of integers.

    Returns:
        (n,) microseconds, and where there are any, (n,).

    >>> micros_of(pa.array([2, None]), "s")
    (array([2000000,       0]), array([ True, False]))
    """
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_date(values.type):
        days = values.cast(pa.int32()).fill_null(0).to_numpy().astype(np.int64)
        return days * _US_PER_DAY, valid
    if pa.types.is_timestamp(values.type):
        unit, values = values.type.unit, values.cast(pa.int64())
    ticks = values.fill_null(0).to_numpy()
    per_tick = 1 if unit == "ns" else 10**6 // TICKS_PER_SECOND[unit or "s"]
    most = min((LATEST_US - 1) // per_tick, int(np.iinfo(ticks.dtype).max))
    valid &= (ticks <= most) & (ticks >= max(-most, int(np.iinfo(ticks.dtype).min)))
    micros = np.where(valid, ticks, 0).astype(np.int64)
    # Toward 1970, as Arrow casts.
    return np.sign(micros) * (np.abs(micros) // 1_000) if unit == "ns" else micros * per_tick, valid


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
