"""``traffic``: what was served online."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from replay.config.base import ColumnName, ColumnNames, Section


def _utc(moment: datetime) -> datetime:
    """Read a time without a zone as UTC, and move any other to UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


UtcTime = Annotated[datetime, AfterValidator(_utc)]


class TimeColumn(Section):
    """The column that holds the event time."""

    column: ColumnName
    """A timestamp column, or an integer column of ``unit`` since 1970-01-01T00:00:00Z."""
    unit: Literal["s", "ms", "us", "ns"] | None = None
    """Unit of an integer column; None for a timestamp column."""


def _time_column(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


class Window(Section):
    """A half-open interval of event time, [start, end), in UTC."""

    start: UtcTime | None = None
    end: UtcTime | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(
                f"start {self.start.isoformat()} is not before end {self.end.isoformat()}: a window is [start, end)"
            )
        return self


class Sample(Section):
    """A sample by hash: the same rows in every run."""

    rate: float = Field(gt=0, le=1)
    """Share of the distinct values of ``by`` that are kept."""
    by: ColumnNames = ()
    """Columns hashed together; default: the key."""


class TrafficConfig(Section):
    """Where the logged traffic is, and what its columns mean."""

    path: str | None = None
    """A Parquet or Delta directory; local paths are relative to the config file."""
    table: str | None = None
    """A catalog table, instead of ``path``."""
    delta_version: int | None = Field(default=None, ge=0)
    delta_timestamp: UtcTime | None = None
    key: Annotated[ColumnNames, Field(min_length=1)]
    """Columns that identify a row."""
    time: Annotated[TimeColumn, BeforeValidator(_time_column)] | None = None
    score: ColumnName
    """What online answered."""
    served_by: ColumnName | None = None
    label: ColumnName | None = None
    weight: ColumnName | None = None
    group: ColumnName | None = None
    entity: ColumnName | None = None
    segments: ColumnNames = ()
    where: str | None = None
    window: Window | None = None
    sample: Sample | None = None

    @model_validator(mode="after")
    def _consistent(self) -> TrafficConfig:
        if (self.path is None) == (self.table is None):
            raise ValueError("give exactly one of `path` (a Parquet or Delta directory) and `table` (a catalog table)")
        if self.delta_version is not None and self.delta_timestamp is not None:
            raise ValueError("give at most one of `delta_version` and `delta_timestamp`")
        if self.window is not None and self.time is None:
            raise ValueError("`window` needs `time`, the column it selects on")
        return self
