"""From merged sums to what a diff found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from replay.diff.grid import DiffState
from replay.diff.influence import InfluenceState
from replay.diff.overall import OverallMeasures, score_blocks
from replay.diff.result import DiffResult, VariantResult
from replay.diff.slices.cells import PAIR_LOW, PAIR_SHIFT
from replay.diff.slices.contribution import AGAINST_BASELINE, AGAINST_ONLINE, WIDTH
from replay.diff.slices.measures import ALL, SliceMeasures, bucket_time, metric_row
from replay.diff.slices.tables import COUNTS_WIDTH
from replay.diff.spec import ONLINE
from replay.metrics.histogram_metric import bounded_metrics
from replay.metrics.order import RankChange
from replay.metrics.row import MetricRow
from replay.metrics.value import MetricValue, undefined

BUCKET_COUNTS = pa.schema(
    [
        ("variant", pa.string()),
        ("against", pa.string()),
        ("slice", pa.string()),
        ("bucket", pa.timestamp("us", tz="UTC")),
        ("rows", pa.int64()),
        ("compared", pa.int64()),
        ("mismatched", pa.int64()),
    ]
)
"""Columns of ``bucket_counts``."""

_STATISTICS = (
    "mismatch_rate",
    "mean_abs",
    "p50_abs",
    "p99_abs",
    "max_abs",
    "mean_delta",
    "p1_delta",
    "p50_delta",
    "p99_delta",
    "correlation",
)
WORTH_A_NOTE = 1e-3
"""A binning error that is reported; a smaller one is in ``auc_error_bound`` alone."""

_NAMED = 3
NO_LOGIT = "some score lies outside [0, 1], or none lies strictly inside"


def measure(
    state: DiffState, influence: InfluenceState | None = None, ranks: Mapping[str, RankChange] | None = None
) -> DiffResult:
    """Compute everything; changes neither state.

    Args:
        state: The merged first pass.
        influence: The merged second pass, where there was one. Without it, changes of metrics of a histogram have no
            interval; nor have these metrics where the diff has a group.
        ranks: ``RankState.compute``, where the diff has a group and variants to compare.
    """
    state.flush()
    if influence is not None:
        influence.flush()
    overall = OverallMeasures(state, influence)
    variants = {name: overall.measure(name) for name in state.scores}
    _add_ranks(variants, ranks or {}, state.spec.baseline)
    rows = [row for name, found in variants.items() for row in _overall_rows(name, found)]
    sliced = SliceMeasures(state, overall)
    rows.extend(sliced.rows())
    time = state.slices.time
    excluded = state.excluded
    return DiffResult(
        rows=state.rows,
        rejected=dict(sorted(state.rejected.items())),
        first=_moment(state.first_us),
        last=_moment(state.last_us),
        no_time=state.no_time,
        no_group=state.no_group,
        bucket=None if time is None else timedelta(microseconds=time.width_us),
        labels={
            "null": excluded.label_null,
            "invalid": excluded.label_invalid,
            "invalid_weight": excluded.weight_invalid,
        },
        variants={name: found for name, found in variants.items() if name != ONLINE},
        online=variants[ONLINE],
        metric_rows=tuple(rows),
        notes=tuple(_notes(state, variants, sliced.error_bounds)),
    )


def bucket_counts(state: DiffState, variant: str, against: str = "online") -> pa.Table:
    """Mismatches by time bucket, over all rows and for each value of each segment: what an incident search reads.

    Args:
        state: The merged first pass of a diff with a time column.
        variant: Name of the variant.
        against: ``online`` or ``baseline``.

    Returns:
        Columns as in ``BUCKET_COUNTS``, by slice and bucket. Only what has rows is there.

    Raises:
        ValueError: The diff has no time column, or no such variant.
    """
    slices = state.flush().slices
    if slices.time is None or variant == ONLINE or variant not in state.scores:
        raise ValueError(f"found no counts by time of {variant!r}: the diff needs a time column and that variant")
    starts = np.array([0, *slices.time.starts_us()], dtype=np.int64)
    first = 0 if against == "online" else 2
    parts = [_counts(state, variant, "bucket", WIDTH, AGAINST_ONLINE if against == "online" else AGAINST_BASELINE)]
    names = [np.full(len(parts[0][0]), ALL, dtype=object)]
    buckets = [(parts[0][0] >> PAIR_SHIFT).astype(np.int64)]
    for place, (segment, axis) in enumerate(zip(state.spec.segments, slices.axes, strict=True)):
        found = _counts(state, variant, f"value.{place}.bucket", COUNTS_WIDTH, first)
        labels = np.array([f"{segment}={axis.label(code)}" for code in range(len(axis))], dtype=object)
        parts.append(found)
        names.append(labels[(found[0] >> PAIR_SHIFT).astype(np.int64)])
        buckets.append((found[0] & PAIR_LOW).astype(np.int64))
    codes = np.concatenate(buckets)
    counts = np.concatenate([sums for _, sums in parts]).astype(np.int64)
    timed = codes > 0
    table = pa.table(
        {
            "variant": pa.array([variant] * int(timed.sum()), pa.string()),
            "against": pa.array([against] * int(timed.sum()), pa.string()),
            "slice": pa.array(np.concatenate(names)[timed], pa.string()),
            "bucket": pa.array(starts[codes[timed]]).cast(pa.timestamp("us", tz="UTC")),
            **{name: counts[timed, place] for place, name in enumerate(("rows", "compared", "mismatched"))},
        },
        schema=BUCKET_COUNTS,
    )
    return table.sort_by([("slice", "ascending"), ("bucket", "ascending")])


def _counts(state: DiffState, variant: str, table: str, width: int, start: int) -> tuple[Any, Any]:
    """Keys of a table, and its rows, compared and mismatched of one variant, ``(num_keys, 3)``."""
    found = state.slices.tables[table]
    block = score_blocks(state, found.sums, width)[variant]
    return found.keys, np.rint(np.concatenate((found.sums[:, :1], block[:, start : start + 2]), axis=1))


def _overall_rows(name: str, found: VariantResult) -> Iterator[MetricRow]:
    for against, comparison in (("online", found.vs_online), ("baseline", found.vs_baseline)):
        if comparison is None:
            continue
        for metric in _STATISTICS:
            yield metric_row(name, against, ALL, None, metric, _statistic(comparison, metric))
        for change, value in comparison.get("changes", {}).items():
            yield metric_row(name, against, ALL, None, change, value)
        if "rank" in comparison:
            for metric, mean in comparison["rank"].metrics().items():
                yield metric_row(name, against, ALL, None, metric, mean.as_metric())
    for metric, size in found.stability.items():
        shown = undefined(found.rows, NO_LOGIT) if size is None else MetricValue(float(size), None, None, found.rows)
        yield metric_row(name, None, ALL, None, metric, shown)
    for metric, value in found.metrics.items():
        yield metric_row(name, None, ALL, None, metric, value)
    for metric, bound in found.error_bounds.items() if found.metrics else ():
        shown = MetricValue(bound, None, None, found.metrics[metric].rows)
        yield metric_row(name, None, ALL, None, f"{metric}_error_bound", shown)


def _add_ranks(variants: Mapping[str, VariantResult], ranks: Mapping[str, RankChange], baseline: str) -> None:
    for name, change in ranks.items():
        comparison = variants[name].vs_online if name == baseline else variants[name].vs_baseline
        if comparison is not None:
            comparison["rank"] = change


def _statistic(comparison: dict[str, Any], metric: str) -> MetricValue:
    """A statistic of a comparison, with the rows that it is of."""
    interval = (comparison.get(f"{metric}_low"), comparison.get(f"{metric}_high"))
    return MetricValue(comparison[metric], *interval, comparison["compared"], comparison["reasons"].get(metric))


def _without_interval(variants: Mapping[str, VariantResult]) -> Iterator[str]:
    """Why metrics over all rows have a value and no interval: a line for each reason."""
    measures: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, found in variants.items():
        changes = {} if found.vs_baseline is None else found.vs_baseline.get("changes", {})
        for metric, value in (*found.metrics.items(), *changes.items()):
            if value.value is not None and value.reason is not None:
                measures[value.reason][metric].append(name)
    for reason, by_metric in measures.items():
        names = list(dict.fromkeys(name for found in by_metric.values() for name in found))
        shown = names if len(names) <= _NAMED else [*names[:_NAMED], f"{len(names) - _NAMED} more"]
        yield f"{reason}: {', '.join(by_metric)} of {', '.join(shown)}"


def _moment(time_us: int | None) -> datetime | None:
    return None if time_us is None else bucket_time(time_us)


def _notes(state: DiffState, variants: dict[str, VariantResult], slice_bounds: Mapping[str, float]) -> Iterator[str]:
    spec, time = state.spec, state.slices.time
    for segment, axis in zip(spec.segments, state.slices.axes, strict=True):
        if axis.overflowed:
            yield (
                f"segment {segment!r} has more than {spec.max_values} values: the first {spec.max_values} in sort "
                "order have slices of their own, the others are in '(other)'"
            )
    if time is not None and time.doublings:
        yield (
            f"the window has more than {spec.max_buckets} time buckets of {timedelta(microseconds=spec.bucket_us)}: "
            f"buckets are {timedelta(microseconds=time.width_us)} wide"
        )
    note = None if spec.label is None else state.excluded.label_note(spec.label)
    if note is not None:
        yield note
    if spec.group is not None and state.no_group and len(spec.variants) > 1:
        yield f"{state.no_group:,} rows have no {spec.group!r} (null): they are in no change of rank"
    yield from _without_interval(variants)
    for metric in bounded_metrics():
        bound = max(found.error_bounds[metric] for found in variants.values())
        if bound > WORTH_A_NOTE:
            yield (
                f"{metric} over all rows is within {bound:.1e} of the exact one: distinct scores share "
                f"{spec.score_bins} bins"
            )
        if slice_bounds[metric] > WORTH_A_NOTE:
            yield (
                f"{metric} of slices is within {slice_bounds[metric]:.1e} of the exact one: distinct scores of a "
                f"segment's values share {spec.slice_bins} bins"
            )
