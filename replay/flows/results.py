"""From what a run found to what it leaves: the report's data, and the rows of the `diffs` and `metrics` tables."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import types as T

from replay.config import ReplayConfig
from replay.diff.job import Diff
from replay.diff.result import VariantResult
from replay.diff.worst import RowDelta
from replay.features import feature_column
from replay.flows.prepare import Prepared
from replay.report.data import ReportData, WorstRow
from replay.report.plain import plain
from replay.report.summary import (
    CheckpointSummary,
    Comparison,
    Reconciliation,
    Stability,
    Summary,
    TimeRange,
    Timings,
    Tolerance,
    TrafficSummary,
    VariantSummary,
)
from replay.store import Manifest
from replay.traffic import TrafficCheck, find_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def build_report_data(
    prepared: Prepared,
    check: TrafficCheck,
    diff: Diff,
    worst: Sequence[WorstRow],
    manifest: Manifest,
    timings: Mapping[str, float],
    finished: str,
) -> ReportData:
    """Put together what the report shows and ``summary.json`` holds."""
    config, result = prepared.config, diff.result
    scored = result.rows
    summary = Summary(
        run_id=manifest.run_id,
        rows=scored + sum(result.rejected.values()),
        reconciliation=Reconciliation(
            read=check.rows_read,
            filtered=check.rows_read - check.rows_selected,
            rejected=dict(result.rejected),
            scored=scored,
        ),
        timings=Timings(**{entry.name: round(timings.get(entry.name, 0.0), 3) for entry in fields(Timings)}),
        traffic=_traffic(prepared),
        checkpoints={name: _checkpoint(prepared, name) for name in config.checkpoints},
        variants={
            variant.name: _variant(result.variants[variant.name], variant.checkpoint, variant.scenario)
            for variant in prepared.job.variants
        },
        baseline=config.baseline,
        warnings=(*prepared.preflight.warnings(), *result.notes),
        started=_time(manifest.started),
        finished=_time(finished),
        config_sha256=manifest.config_sha256,
        output=config.output,
        tolerance=Tolerance(config.diff.tolerance.abs, config.diff.tolerance.rel),
        bucket_seconds=None if result.bucket is None else result.bucket.total_seconds(),
        online_metrics=result.online.metrics,
    )
    return ReportData(summary, result.metric_rows, tuple(worst))


def _traffic(prepared: Prepared) -> TrafficSummary:
    traffic, config = prepared.traffic, prepared.config.traffic
    window = config.window
    return TrafficSummary(
        path=traffic.location,
        table=config.table,
        format=traffic.format,
        delta_version=traffic.delta_version,
        window=None if window is None else TimeRange(window.start, window.end),
        where=config.where,
        sample_rate=None if config.sample is None else config.sample.rate,
    )


def _checkpoint(prepared: Prepared, name: str) -> CheckpointSummary:
    checkpoint = prepared.checkpoints[name]
    notes = [f"set aside, not read: {', '.join(checkpoint.set_aside)}"] if checkpoint.set_aside else []
    notes += [f"{count:,} values that are not finite in {tensor}" for tensor, count in checkpoint.non_finite]
    return CheckpointSummary(
        format=str(checkpoint.format),
        sha256=checkpoint.sha256,
        parameters=checkpoint.parameters,
        path=checkpoint.path,
        notes=tuple(notes),
    )


def _variant(found: VariantResult, checkpoint: str, scenario: str | None) -> VariantSummary:
    return VariantSummary(
        checkpoint=checkpoint,
        scenario=scenario,
        rows=found.rows,
        rows_scored=found.rows_scored,
        vs_online=_comparison(found.vs_online),
        vs_baseline=_comparison(found.vs_baseline),
        stability=Stability(**{entry.name: found.stability[entry.name] for entry in fields(Stability)}),
        metrics=found.metrics,
    )


def _comparison(found: Mapping[str, Any] | None) -> Comparison | None:
    return None if found is None else Comparison(**found)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def worst_rows(prepared: Prepared, diff: Diff) -> list[WorstRow]:
    """Fetch the logged features of the worst rows: by key, from the pinned table."""
    found = [delta for deltas in diff.worst.values() for delta in deltas]
    if not found:
        return []
    config = prepared.config
    keys = list({tuple(delta.key.values()): dict(delta.key) for delta in found}.values())
    names = prepared.features
    logged = find_rows(prepared.spark, prepared.traffic, keys, prepared.plan.columns)
    features: dict[tuple[Any, ...], dict[str, Any]] = {}
    for batch in logged.to_batches():
        columns = {name: feature_column(batch, name).to_pylist() for name in names}
        identities = zip(*(feature_column(batch, name).to_pylist() for name in config.traffic.key), strict=True)
        for place, identity in enumerate(identities):
            features[identity] = {name: values[place] for name, values in columns.items()}
    return [_worst(config, delta, features.get(tuple(delta.key.values()), {})) for delta in found]


def _worst(config: ReplayConfig, delta: RowDelta, features: Mapping[str, Any]) -> WorstRow:
    return WorstRow(
        variant=delta.variant,
        key=delta.key,
        time=delta.time,
        online=delta.online,
        replayed=delta.replayed,
        delta=delta.delta,
        features=features,
        command=row_command(config, delta.key),
        kind=delta.kind,
    )


def row_command(config: ReplayConfig, key: Mapping[str, Any]) -> str:
    """The command that shows one row end to end."""
    keys = [part for name, value in key.items() for part in ("--key", f"{name}={value}")]
    return shlex.join(["replay", "row", config.source or "replay.yaml", *keys])


_DIFFS = T.StructType(
    [
        T.StructField("variant", T.StringType(), False),
        T.StructField("key", T.MapType(T.StringType(), T.StringType()), False),
        T.StructField("time", T.TimestampType()),
        T.StructField("online", T.DoubleType()),
        T.StructField("replayed", T.DoubleType()),
        T.StructField("delta", T.DoubleType()),
        T.StructField("features", T.MapType(T.StringType(), T.StringType()), False),
        T.StructField("command", T.StringType(), False),
    ]
)

_METRICS = T.StructType(
    [
        T.StructField("variant", T.StringType(), False),
        T.StructField("against", T.StringType()),
        T.StructField("slice", T.StringType(), False),
        T.StructField("bucket", T.TimestampType()),
        T.StructField("metric", T.StringType(), False),
        T.StructField("value", T.DoubleType()),
        T.StructField("low", T.DoubleType()),
        T.StructField("high", T.DoubleType()),
        T.StructField("rows", T.LongType(), False),
        T.StructField("reason", T.StringType()),
    ]
)


def diffs_table(spark: SparkSession, worst: Sequence[WorstRow]) -> DataFrame:
    """The ``diffs`` table: the worst rows of each variant; keys and features as text, lists and structs as JSON."""
    rows = [
        (row.variant, _texts(row.key), row.time, row.online, row.replayed, row.delta, _texts(row.features), row.command)
        for row in worst
    ]
    return spark.createDataFrame(rows, _DIFFS)


def metrics_table(spark: SparkSession, diff: Diff) -> DataFrame:
    """The ``metrics`` table: a row per variant, slice, bucket and metric."""
    rows = [tuple(getattr(row, field.name) for field in _METRICS) for row in diff.result.metric_rows]
    return spark.createDataFrame(rows, _METRICS)


def _texts(values: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(plain(value))
