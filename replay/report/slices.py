"""The slices of a report: each variant's metrics by segment value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from replay.metrics.row import MetricRow
from replay.report.buckets import counts
from replay.report.summary.data import ALL, ONLINE

_CONCENTRATED = 0.9
_LIFT = 1.5


@dataclass(frozen=True)
class Slice:
    """One segment value under one variant, over the whole window."""

    name: str
    compared: int
    mismatched: int
    metrics: Mapping[str, MetricRow] = field(default_factory=dict)
    """The variant's metrics by name."""
    online: Mapping[str, MetricRow] = field(default_factory=dict)
    """The online score's own metrics by name."""

    @property
    def segment(self) -> str:
        """The column: what is before ``=``.

        >>> Slice("surface=a=b", 0, 0).segment, Slice("surface=a=b", 0, 0).value
        ('surface', 'a=b')
        """
        return self.name.partition("=")[0]

    @property
    def value(self) -> str:
        """The column's value: what is after ``=``."""
        return self.name.partition("=")[2]

    @property
    def mean_delta(self) -> float | None:
        """Mean of replayed - online; None where it is not measured."""
        return self.metrics["mean_delta"].value if "mean_delta" in self.metrics else None

    @property
    def rate(self) -> float | None:
        """Share of the compared rows that are mismatched; None without any."""
        return self.mismatched / self.compared if self.compared else None


def slices_by_variant(rows: Iterable[MetricRow]) -> dict[str, tuple[Slice, ...]]:
    """Collect every variant's slices over the whole window: by segment, most mismatches first."""
    cells: dict[str, dict[str, dict[str, MetricRow]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        if row.bucket is None and row.slice != ALL and row.against in (ONLINE, None):
            cells[row.variant][row.slice][row.metric] = row
    online = cells.get(ONLINE, {})
    return {
        variant: _ordered(_slice(name, metrics, online.get(name, {})) for name, metrics in slices.items())
        for variant, slices in cells.items()
        if variant != ONLINE or any("mismatch_rate" in metrics for metrics in slices.values())
    }


def _slice(name: str, metrics: Mapping[str, MetricRow], online: Mapping[str, MetricRow]) -> Slice:
    compared, mismatched = counts(metrics)
    return Slice(name, compared, mismatched, dict(metrics), dict(online))


def _ordered(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    listed = list(slices)
    segments = list(dict.fromkeys(entry.segment for entry in listed))
    return tuple(
        sorted(
            listed, key=lambda entry: (segments.index(entry.segment), -entry.mismatched, -entry.compared, entry.name)
        )
    )


def dominant_slice(slices: Iterable[Slice]) -> tuple[Slice, float, float] | None:
    """Find the slice that holds nearly all mismatches, but not nearly all rows.

    Returns:
        The slice, its share of its segment's mismatches and of its rows; None where no slice stands out.
    """
    by_segment: dict[str, list[Slice]] = defaultdict(list)
    for entry in slices:
        by_segment[entry.segment].append(entry)
    candidates = []
    for members in by_segment.values():
        wrong, rows = sum(entry.mismatched for entry in members), sum(entry.compared for entry in members)
        top = max(members, key=lambda entry: entry.mismatched)
        if not wrong or not top.compared:
            continue
        share, rows_share = top.mismatched / wrong, top.compared / rows
        if share >= _CONCENTRATED and share >= _LIFT * rows_share:
            candidates.append((top, share, rows_share))
    return max(candidates, key=lambda entry: entry[1] / entry[2], default=None)
