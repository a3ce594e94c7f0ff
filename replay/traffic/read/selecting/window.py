"""The window on the direct side: exact integer bounds, row masks, and what a row group's statistics already tell."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from replay.config import TrafficConfig
from replay.traffic.paths import ColumnPath, require_column
from replay.traffic.read.selecting.statistics import TICKS_PER_SECOND, value_range

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Overlap(enum.Enum):
    """How many rows of a row group lie in the window."""

    NONE = "none"
    SOME = "some"
    ALL = "all"


def ticks_at_or_after(moment: datetime, unit: str) -> int:
    """The first whole number of units since 1970 that is not before a moment.

    A tick lies in [start, end) exactly when it is at least the first one of ``start`` and below that of ``end``.

    >>> ticks_at_or_after(datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=UTC), "ms")
    1001
    """
    microseconds = (moment - EPOCH) // timedelta(microseconds=1)
    return -(-microseconds * TICKS_PER_SECOND[unit] // 10**6)


@dataclass(frozen=True)
class TimeFilter:
    """The window [lower, upper) in ticks of the time column; a null time is in no window.

    Attributes:
        column: The time column, canonical.
        root_type: Type of the top-level column that it lies in.
        unit: Of its ticks; a time without a zone is UTC.
        lower: First tick inside, or None.
        upper: First tick after, or None.
        logged: The files hold the time as it is: their statistics and partition values tell of it.
    """

    column: ColumnPath
    root_type: pa.DataType
    unit: str
    lower: int | None
    upper: int | None
    logged: bool = True

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Which rows of a batch lie in the window, (num_rows,) without nulls."""
        values = self.column.values(batch)
        low, high = self._own_range()
        inside = pc.is_valid(values)
        if (self.lower is not None and self.lower > high) or (self.upper is not None and self.upper <= low):
            return pc.and_(inside, pa.scalar(False))
        if self.lower is not None and self.lower > low:
            inside = pc.and_(inside, pc.greater_equal(values, pa.scalar(self.lower, values.type)))
        if self.upper is not None and self.upper <= high:
            inside = pc.and_(inside, pc.less(values, pa.scalar(self.upper, values.type)))
        return pc.fill_null(inside, False)

    def _own_range(self) -> tuple[int, int]:
        """The ticks that the column's type can hold."""
        if pa.types.is_unsigned_integer(self.column.type):
            return 0, 2**self.column.type.bit_width - 1
        return -(2 ** (self.column.type.bit_width - 1)), 2 ** (self.column.type.bit_width - 1) - 1

    def overlap(self, group: Any) -> Overlap:
        """What the statistics of a row group tell.

        Args:
            group: ``pyarrow.parquet.RowGroupMetaData``.
        """
        found = value_range(group, self.column.leaf, self.column.type)
        if found is None:
            return Overlap.SOME
        low, high = found.low, found.high
        if (self.upper is not None and low >= self.upper) or (self.lower is not None and high < self.lower):
            return Overlap.NONE
        whole = (self.lower is None or low >= self.lower) and (self.upper is None or high < self.upper)
        return Overlap.ALL if whole and not found.has_nulls else Overlap.SOME

    def overlap_value(self, value: object) -> Overlap:
        """Whether one value, a file's partition value, lies in the window."""
        batch = pa.record_batch([pa.array([value], self.column.type)], [self.column.root])
        return Overlap.ALL if self.mask(batch)[0].as_py() else Overlap.NONE


def time_filter(schema: pa.Schema, config: TrafficConfig) -> TimeFilter | None:
    """The config's window over a table's time column, or None where there is none.

    Raises:
        TrafficError: The table has no such column.
    """
    if config.time is None or config.window is None:
        return None
    if config.window.start is None and config.window.end is None:
        return None
    column = require_column(schema, config.time.column)
    unit = column.type.unit if pa.types.is_timestamp(column.type) else config.time.unit or "s"
    start, end = config.window.start, config.window.end
    return TimeFilter(
        column,
        schema.field(column.root).type,
        unit,
        None if start is None else ticks_at_or_after(start, unit),
        None if end is None else ticks_at_or_after(end, unit),
    )
