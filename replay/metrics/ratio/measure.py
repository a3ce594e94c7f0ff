"""Ratios with their intervals: one metric on many slices, over all rows, and its change between two scores."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from replay.metrics.ratio.columns import MetricColumns
from replay.metrics.ratio.function import RatioFunction
from replay.metrics.ratio.totals import ClusterTerms, TermTotals
from replay.metrics.ratio.variance import (
    change_variance,
    clustered_variance,
    evidence_by_slice,
    evidence_of,
    row_variance,
)
from replay.metrics.terms import Array
from replay.metrics.value import MetricValue, undefined

OVERFLOW: Final = "the sums overflow float64"


def measure_ratio(
    metric: type[RatioFunction],
    sums: Array,
    moments: Array,
    rows: NDArray[Any],
    outside: NDArray[Any],
    clusters: ClusterTerms | None = None,
) -> list[MetricValue]:
    """Measure one metric on many slices.

    Args:
        metric: The metric.
        sums: ``(num_slices, num_terms)``.
        moments: ``(num_slices, num_terms, num_terms)``, by row.
        rows: ``(num_slices,)``: rows with a usable score, label and weight.
        outside: ``(num_slices,)``: those whose score lies outside [0, 1].
        clusters: Where rows are not independent; then ``moments`` only tell the effective rows.
    """
    columns = MetricColumns.of(metric)
    evidence = evidence_by_slice(sums, moments, clusters)
    sums = columns.pick(sums)
    values = columns.value(sums)
    if clusters is None:
        variances = row_variance(columns.gradient(sums), columns.pick_products(moments), rows)
    else:
        variances = clustered_variance(columns.gradient(sums), clusters.slices, columns.pick(clusters.terms))
    answers = []
    for place in range(rows.size):
        count = round(float(rows[place]))
        reason = columns.why_undefined(sums[place], count, float(outside[place]))
        value = float(values[place])
        if reason is None and not math.isfinite(value):
            reason = OVERFLOW
        rests_on = evidence[place]
        if reason is not None:
            answers.append(undefined(max(count, 0), reason, rests_on.count))
            continue
        few = rests_on.why_no_interval(metric.fewest)
        if few is not None:
            answers.append(MetricValue(value, None, None, count, few, rests_on.count))
            continue
        degrees = min(metric.degrees(rests_on.independent), rests_on.groups - 1)
        interval = metric.interval(value, float(variances[place]), degrees)
        answers.append(MetricValue(value, *interval, count, None, rests_on.count))
    return answers


def measure_whole(metric: type[RatioFunction], totals: TermTotals) -> MetricValue:
    """Measure one metric over all rows."""
    one = np.ones(1)
    return measure_ratio(
        metric, totals.sums[None], totals.moments[None], one * totals.rows, one * totals.outside, totals.cluster_terms()
    )[0]


def measure_change(metric: type[RatioFunction], variant: TermTotals, baseline: TermTotals, cross: Array) -> MetricValue:
    """The change of the metric from the baseline to the variant, with a paired interval.

    Both scores of a row share its label and most of its noise, so the variance of the difference takes their covariance
    from the joint moments (or, by cluster, from the difference of the two influences).

    Args:
        metric: A metric whose change is measured.
        variant: The variant's sums.
        baseline: The baseline's.
        cross: ``(num_terms, num_terms)``: sums of products of the variant's terms (rows) with the baseline's (columns).

    Raises:
        ValueError: The metric's change is not measured.
    """
    if metric.change is None:
        raise ValueError(f"found {metric.name!r}, expected a metric that says what its change is called")
    columns = MetricColumns.of(metric)
    rests_on = min((evidence_of(side) for side in (variant, baseline)), key=lambda entry: entry.independent)
    sides = [columns.pick(side.sums) for side in (variant, baseline)]
    for side, sums in zip((variant, baseline), sides, strict=True):
        reason = columns.why_undefined(sums, side.rows, side.outside)
        if reason is not None:
            return undefined(variant.rows, reason, rests_on.count)
    change = metric.change.of(*(float(columns.value(sums)) for sums in sides))
    if not math.isfinite(change):
        return undefined(variant.rows, OVERFLOW, rests_on.count)
    few = rests_on.why_no_interval(metric.fewest)
    if few is not None:
        return MetricValue(change, None, None, variant.rows, few, rests_on.count)
    variance = change_variance(columns, variant, baseline, cross)
    interval = metric.change_interval(change, variance, rests_on)
    return MetricValue(change, *interval, variant.rows, None, rests_on.count)
