"""Each variant's time buckets, and wider steps where there are more buckets than a chart can show."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from replay.metrics.row import MetricRow
from replay.report.outliers import usual_starts
from replay.report.summary.data import ALL, ONLINE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_NICE = (1, 2, 3, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440)


@dataclass(frozen=True)
class Bucket:
    """A variant against online in one time bucket; the means are None where they are not known."""

    start: datetime
    compared: int
    mismatched: int
    mean_delta: float | None = None
    mean_replayed: float | None = None
    mean_online: float | None = None

    @property
    def rate(self) -> float | None:
        """Share of the compared rows that are mismatched; None without any."""
        return self.mismatched / self.compared if self.compared else None


@dataclass(frozen=True)
class BucketStep(Bucket):
    """One or more buckets, drawn as one. `peak` is the highest mismatch rate of a bucket in it."""

    peak: float = 0.0


@dataclass(frozen=True)
class Grid:
    """The time axis: `count` steps of `buckets` buckets each, from `start`."""

    start: datetime
    width: timedelta
    count: int
    buckets: int

    @property
    def end(self) -> datetime:
        """End of the last step."""
        return end_of(self.start, self.width * self.count)

    def share(self, at: datetime) -> float:
        """Where a time lies between start (0) and end (1)."""
        return (at - self.start) / (self.end - self.start)


def bucket_series(rows: Iterable[MetricRow]) -> dict[str, tuple[Bucket, ...]]:
    """Collect every variant's buckets against online, in order of time.

    The mean of the online score is read from ``mean_online`` of the variant, or ``mean_score`` of online itself.
    """
    cells: dict[tuple[str, datetime], dict[str, MetricRow]] = defaultdict(dict)
    for row in rows:
        if row.bucket is not None and row.slice == ALL and row.against in (ONLINE, None):
            cells[row.variant, row.bucket][row.metric] = row
    online = {start: _value(cell, "mean_score") for (variant, start), cell in cells.items() if variant == ONLINE}
    series: dict[str, list[Bucket]] = defaultdict(list)
    for (variant, start), cell in sorted(cells.items(), key=lambda entry: entry[0][1]):
        if variant != ONLINE or "mismatch_rate" in cell:
            series[variant].append(_bucket(start, cell, online.get(start)))
    return {variant: tuple(buckets) for variant, buckets in series.items()}


def _bucket(start: datetime, cell: Mapping[str, MetricRow], online: float | None) -> Bucket:
    compared, mismatched = counts(cell)
    mean_online = _value(cell, "mean_online")
    return Bucket(
        start=start,
        compared=compared,
        mismatched=mismatched,
        mean_delta=_value(cell, "mean_delta"),
        mean_replayed=_value(cell, "mean_score"),
        mean_online=online if mean_online is None else mean_online,
    )


def counts(cell: Mapping[str, MetricRow]) -> tuple[int, int]:
    """Compared and mismatched rows of a cell, from its counts where given, else from its rate."""
    rate = cell.get("mismatch_rate")
    compared = _value(cell, "compared")
    if compared is None:
        compared = rate.rows if rate else 0
    mismatched = _value(cell, "mismatched")
    if mismatched is None:
        mismatched = (rate.value or 0.0) * compared if rate else 0
    return round(compared), round(mismatched)


def _value(cell: Mapping[str, MetricRow], name: str) -> float | None:
    return cell[name].value if name in cell else None


def end_of(start: datetime, width: timedelta) -> datetime:
    """A time that is later by a width, or the last one that there is.

    >>> end_of(datetime(9999, 12, 31, 23, 59, 30, tzinfo=UTC), timedelta(minutes=1)).second
    59
    """
    return start + min(width, _LAST - start)


def rows_by_start(series: Iterable[Sequence[Bucket]]) -> dict[datetime, int]:
    """Compared rows by a bucket's start: of the variant that has most."""
    rows: dict[datetime, int] = {}
    for buckets in series:
        for bucket in buckets:
            rows[bucket.start] = max(rows.get(bucket.start, 0), bucket.compared)
    return rows


def make_grid(series: Mapping[str, Sequence[Bucket]], bucket_seconds: float | None, limit: int) -> Grid | None:
    """Lay a time axis over all variants' buckets, but for those whose time is not meant; see :func:`usual_starts`.

    Args:
        series: Buckets by variant.
        bucket_seconds: Width of a bucket; None: the shortest distance between two.
        limit: Steps at most; more buckets than that are drawn in wider steps.

    Returns:
        The axis, or None without any bucket.
    """
    rows = rows_by_start(series.values())
    usual = usual_starts(rows)
    if usual is None:
        return None
    starts = sorted(start for start in rows if usual[0] <= start <= usual[1])
    width = bucket_width(starts, bucket_seconds)
    span = math.ceil((starts[-1] - starts[0]) / width) + 1
    buckets = _wide_enough(math.ceil(span / limit))
    step = width * buckets
    first = _EPOCH + max(step * ((starts[0] - _EPOCH) // step), _FIRST - _EPOCH)
    return Grid(first, step, (starts[-1] - first) // step + 1, buckets)


def bucket_width(starts: Sequence[datetime], seconds: float | None) -> timedelta:
    """Width of a bucket where it is known, else the shortest distance between two that follow each other."""
    if seconds:
        return timedelta(seconds=seconds)
    return min((later - earlier for earlier, later in pairwise(starts)), default=timedelta(minutes=1))


def _wide_enough(buckets: int) -> int:
    return next((nice for nice in _NICE if nice >= buckets), buckets)


def to_steps(buckets: Iterable[Bucket], grid: Grid) -> tuple[BucketStep | None, ...]:
    """Add buckets up to the grid's steps: counts are summed, means weighted by rows. None where there is no row."""
    members: dict[int, list[Bucket]] = defaultdict(list)
    for bucket in buckets:
        members[(bucket.start - grid.start) // grid.width].append(bucket)
    return tuple(_step(grid.start + grid.width * index, members.get(index, [])) for index in range(grid.count))


def _step(start: datetime, members: Sequence[Bucket]) -> BucketStep | None:
    if not any(bucket.compared for bucket in members):
        return None
    return BucketStep(
        start=start,
        compared=sum(bucket.compared for bucket in members),
        mismatched=sum(bucket.mismatched for bucket in members),
        peak=max(bucket.rate or 0.0 for bucket in members),
        mean_delta=_mean((bucket.mean_delta, bucket.compared) for bucket in members),
        mean_replayed=_mean((bucket.mean_replayed, bucket.compared) for bucket in members),
        mean_online=_mean((bucket.mean_online, bucket.compared) for bucket in members),
    )


def _mean(parts: Iterable[tuple[float | None, int]]) -> float | None:
    known = [(value, weight) for value, weight in parts if value is not None and weight]
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None


def overall_rate(steps: Iterable[BucketStep | None]) -> float:
    """Share of the compared rows of all steps that are mismatched; 0 without any."""
    present = [step for step in steps if step is not None]
    compared = sum(step.compared for step in present)
    return sum(step.mismatched for step in present) / compared if compared else 0.0
