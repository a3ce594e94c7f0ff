"""Rows of the ``features`` table that the states of columns make: statistics by side, slice, bucket and hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from replay.audit.columns.ages import HOURS, age_quantile
from replay.audit.columns.cells import NAN_CELL, NULL_CELL
from replay.audit.columns.column_counts import ColumnCounts, Counts
from replay.audit.columns.distributions import divergence, stability_index
from replay.audit.slices import ALL
from replay.flows.audit.distributions import UnjoinedAudit

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS: Final = 3600.0


@dataclass(frozen=True)
class StatRow:
    """One statistic of a feature.

    Attributes:
        side: ``here``, ``there``, or ``both``.
        slice: ``all``, ``segment=value``, or ``hour=03``: events of that hour of the day (UTC).
        stat: Its name.
        value: None where it is not known.
        low: Of an interval, or a range of values.
        high: The same.
        rows: That it is of.
        bucket: Start of the stretch of time that it is of; None of all.
    """

    side: str
    slice: str
    stat: str
    value: float | None
    low: float | None
    high: float | None
    rows: int
    bucket: datetime | None = None


def state_rows(found: UnjoinedAudit, feature: str, *, coverage: bool) -> Iterator[StatRow]:
    """All statistics of a feature in both tables.

    Args:
        found: The counts of both.
        feature: That was counted.
        coverage: Whether coverage by slice is among them; of joined rows it is known otherwise.
    """
    for side, counts in (("here", found.here), ("there", found.there)):
        rows = int(counts.by_slice[feature][0].sum())
        for stat, value in counts.statistics[feature]:
            yield StatRow(side, ALL, stat, value if np.isfinite(value) else None, None, None, rows)
        yield from _cells(side, counts, feature, coverage=coverage)
        yield from _buckets(side, counts, feature, found.bucket)
        yield from _ages(side, counts, feature)
    here, there = (counts.by_slice[feature][0] for counts in (found.here, found.there))
    for stat, measure in (("divergence", divergence), ("stability_index", stability_index)):
        distance = measure(here, there)
        if np.isfinite(distance):
            yield StatRow("both", ALL, stat, distance, None, None, int(here.sum()))


def _cells(side: str, counts: ColumnCounts, feature: str, *, coverage: bool) -> Iterator[StatRow]:
    table = counts.by_slice[feature]
    for label, place in counts.slices.kept():
        if place >= len(table) or not (rows := int(table[place].sum())):
            continue
        if coverage:
            yield StatRow(side, label, "coverage", _coverage(table[place]), None, None, rows)
        if table[place, NAN_CELL]:
            yield StatRow(side, label, "nan_share", float(table[place, NAN_CELL] / rows), None, None, rows)


def _buckets(side: str, counts: ColumnCounts, feature: str, bucket: timedelta) -> Iterator[StatRow]:
    if len(counts.by_bucket) < 2:
        return
    for number, cells in zip(sorted(counts.by_bucket), counts.buckets_of(feature), strict=True):
        if rows := int(cells.sum()):
            yield StatRow(side, ALL, "coverage", _coverage(cells), None, None, rows, EPOCH + number * bucket)


def _coverage(cells: Counts) -> float:
    return float(1 - cells[NULL_CELL] / cells.sum())


def _ages(side: str, counts: ColumnCounts, feature: str) -> Iterator[StatRow]:
    """Median ages in seconds by hour of the day, with the range of the middle 80%."""
    ages = counts.ages.get(feature)
    for hour, rows in enumerate(ages.by_hour(0) if ages is not None else np.zeros((HOURS, 1), dtype=np.int64)):
        if not rows.any():
            continue
        low, value, high = (_in_seconds(age_quantile(rows, share)) for share in (0.1, 0.5, 0.9))
        if value is not None:
            yield StatRow(side, f"hour={hour:02d}", "age_p50", value, low, high, int(rows.sum()))


def _in_seconds(hours: float | None) -> float | None:
    return None if hours is None else hours * _SECONDS


def hours_of(counts: ColumnCounts, feature: str) -> Sequence[float | None]:
    """Median age in hours by hour of the day, 24 of them."""
    return [age_quantile(rows, 0.5) for rows in counts.ages[feature].by_hour(0)]
