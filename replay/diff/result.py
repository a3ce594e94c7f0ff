"""What a diff found, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from replay.metrics.row import MetricRow


@dataclass(frozen=True, slots=True)
class VariantResult:
    """One column of scores: a variant, or the online score.

    Attributes:
        rows: Rows compared or counted, all but the rejected ones.
        rows_scored: Rows with a score of its own; for a scenario, the rows that it touched.
        vs_online: The comparison's dict (``Comparison.compute``); None for the online score itself.
        vs_baseline: The same, and where there is a label ``auc_drop`` (baseline - variant), ``ne_increase`` and
            ``calibration_shift`` (variant - baseline), whose intervals are under ``intervals``; None for the online
            score.
        stability: ``non_finite``, ``saturated``, ``out_of_range`` and ``missing`` rows.
        metrics: ``auc``, ``ne``, ``logloss``, ``calibration`` and ``log_mae``, each with value, low, high and rows (and
            reason where the value is None); empty without a label.
    """

    rows: int
    rows_scored: int
    vs_online: dict[str, Any] | None
    vs_baseline: dict[str, Any] | None
    stability: dict[str, int]
    metrics: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class DiffResult:
    """All of a diff.

    Attributes:
        rows: Rows with a replayed score.
        rejected: Rows without, by reason.
        first: Earliest event time in UTC, or None.
        last: Latest.
        no_time: Rows without an event time, in no bucket.
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
    bucket: timedelta | None
    labels: Mapping[str, int]
    variants: Mapping[str, VariantResult]
    online: VariantResult
    metric_rows: tuple[MetricRow, ...]
    notes: tuple[str, ...]
