"""From what a run found to what it leaves: the report's data, and the rows of the `diffs` and `metrics` tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from replay.config import ReplayConfig, Tolerance
from replay.diff.job import Diff
from replay.diff.result import VariantResult
from replay.diff.worst import RowDelta
from replay.features import feature_column
from replay.flows.stages.effects import Effects
from replay.flows.stages.prepare import Prepared
from replay.metrics.value import MetricValue
from replay.report import summary as report
from replay.report.summary import (
    CheckpointSummary,
    Comparison,
    Incident,
    NoiseFloorSummary,
    Reconciliation,
    Stability,
    Summary,
    TimeRange,
    Timings,
    TrafficSummary,
    VariantSummary,
)
from replay.report.summary.data import ReportData, WorstRow, row_command
from replay.scoring import Variant
from replay.store import Manifest
from replay.traffic import TrafficCheck, find_rows


@dataclass(frozen=True)
class RunFindings:
    """What a run found beside the diff.

    Attributes:
        tolerance: What counted as agreement.
        noise: The noise floor, where it was measured.
        incidents: Where they were searched for.
        effects: Skew matrix and sensitivity, where they were asked for.
        totals: What tasks counted; see :func:`replay.scoring.waves.score_in_waves`.
        notes: What a reader should know of the search for incidents.
    """

    tolerance: Tolerance
    noise: NoiseFloorSummary | None
    incidents: tuple[Incident, ...]
    effects: Effects
    totals: Mapping[str, float]
    notes: tuple[str, ...] = ()


def build_report_data(
    prepared: Prepared,
    check: TrafficCheck,
    diff: Diff,
    worst: Sequence[WorstRow],
    manifest: Manifest,
    found: RunFindings,
    timings: Mapping[str, float],
    finished: str,
) -> ReportData:
    """Put together what the report shows and ``summary.json`` holds."""
    config, result, work = prepared.config, diff.result, prepared.job.work
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
        checkpoints={name: _checkpoint(prepared, name) for name in config.all_checkpoints},
        variants={variant.name: variant_summary(result.variants[variant.name], variant) for variant in work.variants},
        baseline=config.baseline,
        warnings=(*prepared.preflight.warnings(), *_counted(found.totals), *found.notes, *result.notes),
        started=_time(manifest.started),
        finished=_time(finished),
        config_sha256=manifest.config_sha256,
        output=config.output,
        tolerance=report.ToleranceSummary(found.tolerance.abs, found.tolerance.rel),
        bucket_seconds=None if result.bucket is None else result.bucket.total_seconds(),
        online_metrics=result.online.metrics,
        noise_floor=found.noise,
        incidents=found.incidents,
        skew_matrix=found.effects.skew_matrix,
        sensitivity=found.effects.sensitivity,
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
    route = prepared.job.work.routes.get(name)
    if route is not None:
        shares = ", ".join(f"{member} {share:g}" for member, share in zip(route.members, route.shares, strict=True))
        digest = hashlib.sha256(json.dumps([shares, route.by, route.salt]).encode()).hexdigest()
        return CheckpointSummary(
            "route", digest, None, notes=(f"each row to one of {shares}, by {', '.join(route.by)}",)
        )
    checkpoint = prepared.checkpoints[name]
    notes = [f"set aside, not read: {', '.join(checkpoint.set_aside)}"] if checkpoint.set_aside else []
    notes += [f"{count:,} values that are not finite in {tensor}" for tensor, count in checkpoint.non_finite]
    return CheckpointSummary(
        format=str(checkpoint.format),
        sha256=checkpoint.sha256,
        parameters=checkpoint.parameters,
        path=checkpoint.path,
        notes=(*notes, *prepared.preflight.notes.get(name, ())),
    )


def _counted(totals: Mapping[str, float]) -> Iterator[str]:
    """What happened to rows under scenarios, in words."""
    for name, count in totals.items():
        kind, _, scenario = name.partition(":")
        if kind == "without_history":
            yield f"scenario {scenario}: {count:,.0f} rows have no value that is old enough: they got `missing`"
        elif kind == "refused":
            yield f"scenario {scenario}: the model's contract refuses {count:,.0f} of the changed rows: they score NaN"


def variant_summary(found: VariantResult, variant: Variant) -> VariantSummary:
    """What the summary says of one variant."""
    return VariantSummary(
        checkpoint=variant.checkpoint,
        scenario=variant.scenario,
        rows=found.rows,
        rows_scored=found.rows_scored,
        vs_online=_comparison(found.vs_online),
        vs_baseline=_comparison(found.vs_baseline),
        stability=Stability(**{entry.name: found.stability[entry.name] for entry in fields(Stability)}),
        metrics=found.metrics,
    )


def _comparison(found: Mapping[str, Any] | None) -> Comparison | None:
    if found is None:
        return None
    changes: Mapping[str, MetricValue] = found.get("changes", {})
    flat = {f"{name}{end}": getattr(value, part) for name, value in changes.items() for end, part in _ENDS.items()}
    reasons = {name: value.reason for name, value in changes.items() if value.reason is not None}
    rest = {name: value for name, value in found.items() if name != "changes"}
    return Comparison(**rest | flat | {"reasons": found["reasons"] | reasons})


_ENDS = {"": "value", "_low": "low", "_high": "high"}


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
        command=row_command(config.source, delta.key),
        kind=delta.kind,
    )
