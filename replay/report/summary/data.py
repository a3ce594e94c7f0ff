"""All that a report is rendered from, kept as ``report.json``: summary, metrics by time and slice, worst rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from replay.errors import UsageError
from replay.metrics.row import MetricRow
from replay.report.summary.json_safe import UtcTime, plain
from replay.report.summary.summary import Summary

ALL = "all"
"""The slice that holds every row."""
ONLINE = "online"
"""What `MetricRow.against` says of a comparison with online, and `MetricRow.variant` of online's own metrics."""

_OVER_TIME = frozenset(("compared", "mismatched", "mismatch_rate", "mean_delta", "mean_score", "mean_online"))

# Columns of `rows` in report.json, where one list a row is a third of the size of one object a row.
_COLUMNS = ("variant", "against", "slice", "bucket", "metric", "value", "low", "high", "rows", "reason", "positives")


@dataclass(frozen=True)
class WorstRow:
    """A row whose replayed score is among the furthest from the online score."""

    variant: str
    key: Mapping[str, Any]
    time: UtcTime | None
    online: float | None
    replayed: float | None
    delta: float | None
    features: Mapping[str, Any]
    """Logged values by feature."""
    command: str
    """The ``replay row ...`` command that shows the row end to end."""
    kind: str = "beyond_tolerance"
    """``beyond_tolerance``, ``non_finite``, ``missing_online`` or ``missing_replayed``."""


@dataclass(frozen=True)
class ReportData:
    """Everything a report shows.

    Attributes:
        summary: What ``summary.json`` holds.
        rows: Metrics by variant, slice and time bucket; no more than `kept_rows` keeps is looked at or saved.
        worst_rows: The worst rows of each variant, worst first.
        judgeable: Whether ``rows`` holds all that a gate may be about; files of earlier versions hold less.
    """

    summary: Summary
    rows: tuple[MetricRow, ...] = ()
    worst_rows: tuple[WorstRow, ...] = ()
    judgeable: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Turn into JSON-able data, with the rows that `kept_rows` keeps."""
        return {
            "summary": self.summary.to_dict(),
            "rows": {"columns": list(_COLUMNS), "values": [_values(row) for row in kept_rows(self.rows)]},
            "worst_rows": [_worst(row) for row in self.worst_rows],
            "judgeable": self.judgeable,
        }

    def to_json(self) -> str:
        """Render as the text of ``report.json``."""
        return json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ReportData:
        """Read what `to_json` gave.

        Raises:
            UsageError: It is not the data of a report.
        """
        try:
            data = json.loads(text)
        except ValueError as error:
            raise UsageError(f"this is not the data of a report ({error}): run the replay again") from error
        return cls.from_dict(data)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ReportData:
        """Read what `to_dict` gave.

        Raises:
            UsageError: It is not the data of a report.
        """
        try:
            summary, rows, worst_rows = data["summary"], data["rows"], data["worst_rows"]
            judgeable = bool(data.get("judgeable", False))
            return cls(Summary.from_dict(summary), _rows(rows), _WORST_ROWS.validate_python(worst_rows), judgeable)
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise UsageError(f"this is not the data of a report ({error}): run the replay again") from error


_WORST_ROWS = TypeAdapter(tuple[WorstRow, ...])


def _worst(row: WorstRow) -> dict[str, Any]:
    """Scores and features of a row may be NaN, which is why it is worst."""
    return {entry.name: plain(getattr(row, entry.name), name_non_finite=True) for entry in fields(row)}


def _values(row: MetricRow) -> list[Any]:
    """What a gate judges keeps its NaN and infinities: they are no missing values."""
    return [plain(getattr(row, name), name_non_finite=row.bucket is None) for name in _COLUMNS]


def _rows(table: Mapping[str, Any]) -> tuple[MetricRow, ...]:
    columns: list[str] = table["columns"]
    return tuple(_row(dict(zip(columns, values, strict=True))) for values in table["values"])


def _row(values: dict[str, Any]) -> MetricRow:
    if values["bucket"] is not None:
        values["bucket"] = datetime.fromisoformat(values["bucket"])
    numbers = {name: float(values[name]) for name in ("value", "low", "high") if isinstance(values[name], str)}
    # A file of an earlier version has fewer columns.
    return MetricRow(**{name: values[name] for name in _COLUMNS if name in values} | numbers)


def kept_rows(rows: Iterable[MetricRow]) -> tuple[MetricRow, ...]:
    """Keep the rows that a gate may be about, and those by time that a picture of the report is drawn from.

    What a run measures by time bucket is more than is drawn, and most of its rows where buckets and variants are many.
    """
    return tuple(
        row
        for row in rows
        if row.bucket is None or (row.against in (ONLINE, None) and row.metric in _OVER_TIME and row.slice == ALL)
    )
