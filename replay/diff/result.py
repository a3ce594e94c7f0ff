"""What a diff found, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from replay.metrics.row import MetricRow
from replay.metrics.value import MetricValue


@dataclass(frozen=True, slots=True)
class VariantResult:
    """One column of scores: a variant, or the online score.

    Attributes:
        rows: Rows, all but the rejected ones.
        rows_scored: Rows with a score of its own; for a scenario, the rows that it touched.
        missing: Rows without a score, nor one of the checkpoint.
        vs_online: ``Comparison.compute``; the baseline's has a ``rank`` too, where the others' ``vs_baseline`` do. None
            for the online score itself.
        vs_baseline: The same, and where there is a label ``changes``, a ``MetricValue`` by the name of each change
            (``auc_drop``); ``rank``, a ``RankChange``, where there is a group; None for the online score and the
            baseline itself.
        stability: Rows whose score is ``non_finite``, ``saturated`` (a probability within 1e-6 of 0 or 1), or
            ``out_of_range`` (finite, and outside of what the baseline's clean scores span); and ``largest_logit``, None
            where the scores are not probabilities, or none lies strictly inside (0, 1).
        metrics: Every metric by name; empty without a label.
        clipped: Rows whose score was clipped to [1e-12, 1 - 1e-12] for a logarithm.
        error_bounds: By metric, how far binning can have moved it; 0 where every distinct score has its bin.
    """

    rows: int
    rows_scored: int
    missing: int
    vs_online: dict[str, Any] | None
    vs_baseline: dict[str, Any] | None
    stability: dict[str, Any]
    metrics: dict[str, MetricValue]
    clipped: int
    error_bounds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class DiffResult:
    """All of a diff.

    Attributes:
        rows: Rows with a replayed score.
        rejected: Rows without, by reason.
        first: Earliest event time in UTC, or None.
        last: Latest.
        no_time: Rows without an event time, in no bucket.
        no_group: Rows whose group is null: they are in no change of rank.
        bucket: Width of a time bucket; a multiple of the one asked for where there were too many; None without time.
        labels: ``null``, ``invalid`` (not 0 or 1), ``invalid_weight``: rows that no quality metric can use.
        variants: By name, in the order of the spec.
        online: The online score's own quality.
        metric_rows: The rows of the ``metrics`` table.
        notes: What a reader should know: values put together, buckets widened, scores binned.
    """

    rows: int
    rejected: Mapping[str, int]
    first: datetime | None
    last: datetime | None
    no_time: int
    no_group: int
    bucket: timedelta | None
    labels: Mapping[str, int]
    variants: Mapping[str, VariantResult]
    online: VariantResult
    metric_rows: tuple[MetricRow, ...]
    notes: tuple[str, ...]
