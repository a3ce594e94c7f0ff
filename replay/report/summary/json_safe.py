"""Values as JSON has them: no NaN, no infinity, times in UTC with a Z."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator

from replay.metrics.value import MetricValue
from replay.report.summary.metric_record import MetricRecord

UNDEFINED = "it is not a finite number"
OPTIONAL = {"optional": True}
"""Metadata of a dataclass field whose key is left out where it is None, and no reason is given why."""


def utc(moment: datetime) -> datetime:
    """Move a time to UTC; a time without a zone is read as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


UtcTime = Annotated[datetime, AfterValidator(utc)]


def iso(moment: datetime) -> str:
    """Render a time as ISO 8601 in UTC; a time without a zone is read as UTC.

    >>> iso(datetime(2026, 11, 20, 18, 2))
    '2026-11-20T18:02:00Z'
    """
    return utc(moment).replace(tzinfo=None).isoformat() + "Z"


def plain(value: Any, *, name_non_finite: bool = False) -> Any:
    """Turn a value, dataclasses and containers included, into what ``json`` can write.

    Dataclasses keep the order of their fields; anything unknown becomes its ``str``.

    Args:
        value: Anything.
        name_non_finite: Write NaN and infinities by their names, as logged values need: a NaN is not a null. Else they
            are null.

    >>> plain({"at": datetime(2026, 1, 1), "loss": float("inf"), "key": (1, None)})
    {'at': '2026-01-01T00:00:00Z', 'loss': None, 'key': [1, None]}
    >>> plain([float("nan"), None, float("-inf"), 0.5], name_non_finite=True)
    ['NaN', None, '-Infinity', 0.5]
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _NON_FINITE[str(float(value))] if name_non_finite else None
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, MetricValue):
        return _metric(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item, name_non_finite=name_non_finite) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return [plain(item, name_non_finite=name_non_finite) for item in value]
    if isinstance(value, Decimal | date):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    tolist = getattr(value, "tolist", None)  # NumPy scalars and arrays
    return plain(tolist(), name_non_finite=name_non_finite) if callable(tolist) else str(value)


_NON_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _metric(value: MetricValue) -> dict[str, Any]:
    entry = _fields(value)
    if entry["value"] is None:
        entry.setdefault("reason", UNDEFINED)
    return entry


def _fields(value: Any) -> dict[str, Any]:
    entries = {}
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if field.metadata.get("internal"):
            continue
        beside = isinstance(value, MetricRecord) and field.name == "measures"
        optional = beside or field.metadata.get("optional")
        for name, each in item.items() if beside else ((field.name, item),):
            if each is not None or not optional or name in getattr(value, "reasons", ()):
                entries[name] = plain(each)
    return entries
