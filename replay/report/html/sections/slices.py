"""Mismatches and quality by segment value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from replay.metrics.metric import METRICS
from replay.report.charts.intervals import IntervalCell, interval_cell, shared_scale
from replay.report.slices import Slice, slices_by_variant
from replay.report.summary.data import ReportData

SLICES_SHOWN = 30
"""Values of a segment shown for the baseline; a third of them for other variants."""
SLICED_VARIANTS = 6


@dataclass(frozen=True)
class SegmentTable:
    """A segment's values, and how many are not shown."""

    segment: str
    columns: tuple[str, ...]
    lines: tuple[tuple[Slice, tuple[IntervalCell, ...]], ...]
    """Each slice with its metrics, a cell for each of `columns`."""
    left_out: int


def slice_tables(data: ReportData, baseline: str) -> tuple[tuple[str, tuple[SegmentTable, ...]], ...]:
    """Lay out the slices of the baseline and then of the other variants, up to `SLICED_VARIANTS`."""
    slices = slices_by_variant(data.rows)
    order = [baseline, *(name for name in data.summary.variants if name != baseline)]
    tables = []
    for name in [name for name in order if name in slices][:SLICED_VARIANTS]:
        limit = SLICES_SHOWN if name == baseline else SLICES_SHOWN // 3
        segments = groupby(slices[name], key=lambda entry: entry.segment)
        tables.append((name, tuple(_segment_table(segment, list(members), limit) for segment, members in segments)))
    return tuple(tables)


_SHOWN_FIRST = ("higher", "one", "lower")
"""By which values of a metric are good: of two columns, one is to say how well rows are ordered, the other where."""


def _segment_table(segment: str, members: Sequence[Slice], limit: int) -> SegmentTable:
    shown = members[:limit]
    names = sorted(
        (name for name in METRICS if any(name in entry.metrics for entry in members)),
        key=lambda name: _SHOWN_FIRST.index(METRICS[name].good),
    )[:2]
    scales = {
        name: shared_scale(metrics.get(name) for entry in shown for metrics in (entry.metrics, entry.online))
        for name in names
    }
    return SegmentTable(
        segment=segment,
        columns=tuple(METRICS[name].label for name in names),
        lines=tuple(
            (
                entry,
                tuple(
                    interval_cell(entry.metrics.get(name), scales[name], _value(entry.online, name)) for name in names
                ),
            )
            for entry in shown
        ),
        left_out=len(members) - len(shown),
    )


def _value(metrics: Mapping[str, object], name: str) -> float | None:
    return getattr(metrics.get(name), "value", None)
