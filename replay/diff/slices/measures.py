"""Every column of scores measured on every slice: the rows of the ``metrics`` table below ``all``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from replay.diff.comparison import NO_FINITE_PAIR, NOTHING_COMPARED
from replay.diff.grid import DiffState
from replay.diff.overall import OverallMeasures, grouped_histogram, score_blocks
from replay.diff.slices.cells import PAIR_SHIFT
from replay.diff.slices.contribution import (
    AGAINST_BASELINE,
    AGAINST_ONLINE,
    COMPARISON_WIDTH,
    MOMENTS,
    NUM_TERMS,
    OUTSIDE,
    ROWS,
    SUMS,
    WIDTH,
    full_moments,
)
from replay.diff.slices.tables import CLUSTER_WIDTH
from replay.diff.spec import ONLINE
from replay.metrics.histogram import GROUP_BITS, Histogram
from replay.metrics.histogram_metric import UNKNOWN, Spread, bounded_metrics, histogram_metrics
from replay.metrics.interval import wilson
from replay.metrics.metric import MetricChange, changed_metrics
from replay.metrics.ratio.measure import measure_ratio
from replay.metrics.ratio.metric import ratio_metrics
from replay.metrics.ratio.totals import ClusterTerms
from replay.metrics.row import MetricRow
from replay.metrics.value import MetricValue, undefined

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

ALL = "all"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_US, _LAST_US = (
    (end.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) for end in (datetime.min, datetime.max)
)


SLICED_METRICS: tuple[str, ...] = (
    *("mismatch_rate", "mean_abs", "mean_delta"),
    *(*ratio_metrics(), *histogram_metrics(), *changed_metrics()),
)
"""What is measured of every segment's values; other metrics are of all rows alone."""

Columns = list[tuple[str | None, str, list[MetricValue]]]
"""What a metric is against, its name, and its value in every slice."""


@dataclass(frozen=True, slots=True)
class SliceRows:
    """One family of slices: the values of a segment, or the time buckets.

    Attributes:
        table: Its name in ``SliceTables.tables``.
        codes: ``(num_slices,)``, ascending, as in the table's keys.
        names: Slice and bucket of each, ``(num_slices,)``.
        order: Places of those that are reported, in order.
    """

    table: str
    codes: Codes
    names: tuple[tuple[str, datetime | None], ...]
    order: tuple[int, ...]


class SliceMeasures:
    """Measures all slices.

    Args:
        state: The merged first pass.
        overall: The measures over all rows, for design effects.

    Attributes:
        error_bounds: By metric the largest of any slice so far: how far binning can have moved it.
    """

    def __init__(self, state: DiffState, overall: OverallMeasures) -> None:
        self.state = state
        self.overall = overall
        self.error_bounds = dict.fromkeys(bounded_metrics(), 0.0)

    def rows(self) -> Iterator[MetricRow]:
        """Measure: values of segments, in sort order, then time buckets."""
        for family in _families(self.state):
            blocks = score_blocks(self.state, self.state.slices.tables[family.table].sums, WIDTH)
            clusters = _clusters(self.state, family)
            found = {name: self._columns(name, sums, clusters.get(name), family) for name, sums in blocks.items()}
            for name, columns in found.items():
                if name not in (ONLINE, self.state.spec.baseline):
                    columns += _changes(found[self.state.spec.baseline], columns)
                for place in family.order:
                    where, bucket = family.names[place]
                    for against, metric, values in columns:
                        yield metric_row(name, against, where, bucket, metric, values[place])

    def _columns(self, name: str, sums: Array, clusters: ClusterTerms | None, family: SliceRows) -> Columns:
        """Every metric of one score, each with a value for every slice."""
        spec, overall = self.state.spec, self.overall
        columns: Columns = []
        if name != ONLINE:
            columns += _compared(sums[:, AGAINST_ONLINE:], "online", overall.design_effect(name, "online"))
            if name != spec.baseline:
                effect = overall.design_effect(name, "baseline")
                columns += _compared(sums[:, AGAINST_BASELINE:], "baseline", effect)
        if spec.label is not None:
            columns += _ratios(sums, clusters)
            if family.table != "bucket":
                columns += self._of_histograms(name, family)
        return columns

    def _of_histograms(self, name: str, family: SliceRows) -> Columns:
        """Metrics of a segment's values; clustered variances by the design effect of all rows."""
        histogram = grouped_histogram(self.state, name, int(family.table.split(".")[1]))
        parts = [histogram.group(code) for code in family.codes.tolist()]
        columns: Columns = []
        for metric, kind in histogram_metrics().items():
            effect = self.overall.metric_design_effect(name, metric)
            readings = [kind.read(part) for part in parts]
            values = [kind.answer(reading, _scaled(reading.spread, effect)) for reading in readings]
            columns.append((None, metric, values))
            if kind.bounded and self._may_share(name, histogram):
                bounds = [reading.error_bound for reading in readings]
                self.error_bounds[metric] = max([self.error_bounds[metric], *bounds])
        return columns

    def _may_share(self, name: str, histogram: Histogram) -> bool:
        """Whether a bin may hold two scores: of all rows every digit is known, unless there are too many scores."""
        whole = self.overall.histograms[name]
        if histogram.shift > 0 or not whole.exact:
            return True
        return bool((np.diff(whole.keys >> np.uint64(GROUP_BITS)) == 0).any())


def metric_row(
    variant: str, against: str | None, where: str, bucket: datetime | None, metric: str, found: MetricValue
) -> MetricRow:
    """A row of the ``metrics`` table."""
    return MetricRow(
        variant,
        against,
        where,
        bucket,
        metric,
        found.value,
        found.low,
        found.high,
        found.rows,
        found.reason,
        found.positives,
    )


def bucket_time(start_us: int) -> datetime:
    """Start of a bucket in UTC, or the nearest time that a calendar has: the years 1 to 9999.

    >>> bucket_time(-(10**17)).isoformat()
    '0001-01-01T00:00:00+00:00'
    """
    return EPOCH + timedelta(microseconds=min(max(start_us, _FIRST_US), _LAST_US))


def _families(state: DiffState) -> Iterator[SliceRows]:
    slices = state.slices
    for place, (segment, axis) in enumerate(zip(state.spec.segments, slices.axes, strict=True)):
        codes = _high(slices.tables[f"value.{place}"].keys)
        names = tuple((f"{segment}={axis.label(int(code))}", None) for code in codes)
        order = np.argsort(np.array([where for where, _ in names], dtype=object), kind="stable")
        yield SliceRows(f"value.{place}", codes, names, tuple(order.tolist()))
    if slices.time is not None:
        codes = _high(slices.tables["bucket"].keys)
        starts = np.array([0, *slices.time.starts_us()])[codes]
        named = tuple((ALL, bucket_time(int(start))) for start in starts)
        # Code 0 is rows without a time: they are in `all`, but in no bucket.
        timed = np.argsort(starts, kind="stable")
        yield SliceRows("bucket", codes, named, tuple(timed[codes[timed] > 0].tolist()))


def _high(keys: NDArray[np.uint64]) -> Codes:
    codes: Codes = (keys >> PAIR_SHIFT).astype(np.int64)
    return codes


def _compared(sums: Array, against: str, effect: Mapping[str, float]) -> Columns:
    """Mismatch rate (Wilson, with the design effect of all rows), mean |delta| and mean delta."""
    rates, distances, deltas = [], [], []
    for compared, mismatched, pairs, absolute, delta in sums[:, :COMPARISON_WIDTH].tolist():
        rows, paired = round(compared), round(pairs)
        if rows <= 0:
            rates.append(undefined(0, NOTHING_COMPARED))
        else:
            low, high = wilson(mismatched, compared, **effect)
            rates.append(MetricValue(mismatched / compared, low, high, rows))
        if paired <= 0:
            reason = NO_FINITE_PAIR if rows > 0 else NOTHING_COMPARED
            distances.append(undefined(0, reason))
            deltas.append(undefined(0, reason))
        else:
            distances.append(MetricValue(max(absolute, 0.0) / paired, None, None, paired))
            deltas.append(MetricValue(delta / paired, None, None, paired))
    return [(against, "mismatch_rate", rates), (against, "mean_abs", distances), (against, "mean_delta", deltas)]


def _ratios(sums: Array, clusters: ClusterTerms | None) -> Columns:
    moments = full_moments(sums[:, MOMENTS])
    return [
        (None, metric, measure_ratio(kind, sums[:, SUMS], moments, sums[:, ROWS], sums[:, OUTSIDE], clusters))
        for metric, kind in ratio_metrics().items()
    ]


def _changes(baseline: Columns, variant: Columns) -> Columns:
    """What a variant's quality loses against the baseline's; a slice has no paired interval."""
    before = {metric: values for against, metric, values in baseline if against is None}
    after = {metric: values for against, metric, values in variant if against is None}
    columns: Columns = []
    for kind in changed_metrics().values():
        if kind.change is not None and kind.name in after:
            pairs = zip(after[kind.name], before[kind.name], strict=True)
            columns.append(("baseline", kind.change.name, [_change(kind.change, *pair) for pair in pairs]))
    return columns


def _change(change: MetricChange, after: MetricValue, before: MetricValue) -> MetricValue:
    if before.value is None or after.value is None:
        reason = after.reason if after.value is None else before.reason
        return undefined(after.rows, reason or NO_FINITE_PAIR, after.positives)
    return MetricValue(change.of(after.value, before.value), None, None, after.rows, positives=after.positives)


def _clusters(state: DiffState, family: SliceRows) -> dict[str, ClusterTerms]:
    table = state.slices.tables.get(f"{family.table}.cluster")
    if table is None:
        return {}
    places = np.searchsorted(family.codes, _high(table.keys))
    return {
        name: ClusterTerms(places, block[:, :NUM_TERMS])
        for name, block in score_blocks(state, table.sums, CLUSTER_WIDTH).items()
    }


def _scaled(spread: Spread, effect: float | None) -> Spread:
    """The spread of rows that belong together as those of all rows do."""
    return UNKNOWN if effect is None else replace(spread, variance=spread.variance * effect)
