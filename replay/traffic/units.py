"""Whether event times lie where their unit puts them, or another unit was meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from replay.config import TimeColumn
from replay.traffic.read.selecting.statistics import TICKS_PER_SECOND
from replay.traffic.read.selecting.window import EPOCH

_EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def other_unit(time: TimeColumn, first: datetime | None, last: datetime | None) -> str | None:
    """Say that another unit was probably meant; None where the times are those of logs, or no unit makes them so.

    Args:
        time: The time column.
        first: Earliest time, as its unit has it.
        last: Latest.
    """
    if time.unit is None or first is None or last is None or _is_of_a_log(first, last):
        return None
    for unit, ticks in TICKS_PER_SECOND.items():
        try:
            meant = [_read_as(moment, TICKS_PER_SECOND[time.unit], ticks) for moment in (first, last)]
        except OverflowError:
            continue
        if unit != time.unit and _is_of_a_log(*meant):
            return (
                f"with `unit: {time.unit}` the times of `{time.column}` run from {_iso(first)} to {_iso(last)}; with "
                f"`unit: {unit}` they would run from {_iso(meant[0])} to {_iso(meant[1])}: correct `traffic.time.unit`"
            )
    return None


def _read_as(moment: datetime, given: int, ticks: int) -> datetime:
    """A moment as it would be with another number of ticks a second."""
    logged = (moment - EPOCH) // timedelta(microseconds=1) * given
    return EPOCH + timedelta(microseconds=logged // ticks)


def _is_of_a_log(first: datetime, last: datetime) -> bool:
    return first >= _EARLIEST and last < _LATEST


def _iso(moment: datetime) -> str:
    whole = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=round(moment.microsecond / 1e6))
    return whole.isoformat().replace("+00:00", "Z")
