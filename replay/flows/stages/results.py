"""From what a run measured to the data of its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from replay.config import ReplayConfig
from replay.contracts.fingerprint import contract_fingerprint
from replay.diff.result import DiffResult, VariantResult
from replay.flows.incidents.contract import NEARLY_ALL
from replay.flows.incidents.diagnose import Diagnosed
from replay.flows.incidents.stories import find_stories
from replay.flows.sources.opening import match_warnings
from replay.flows.stages.clock import Clock
from replay.flows.stages.compare import Compared
from replay.flows.stages.prepare import Prepared
from replay.flows.stages.rejected import unread_files
from replay.metrics.value import MetricValue
from replay.rehearsal import ContractCheck
from replay.report.buckets import bucket_series, rows_by_start
from replay.report.outliers import find_outliers
from replay.report.slice_tests import judge_slices
from replay.report.summary import (
    UNREADABLE_FILE,
    AlteredValues,
    CheckpointSummary,
    Comparison,
    NoiseFloorSummary,
    Reconciliation,
    RollingWindow,
    Stability,
    Summary,
    TimeOutliers,
    TimeRange,
    Timings,
    ToleranceSummary,
    TrafficSummary,
    VariantSummary,
)
from replay.report.summary.data import ReportData
from replay.report.words.altered import altered_warnings
from replay.report.words.commands import command_line
from replay.report.words.gates import audit_gates_note
from replay.report.words.rejects import all_null_sentence, no_verdict_sentence, rejected_warnings
from replay.report.words.run import outliers_sentence
from replay.scoring import Variant
from replay.spark.guest import session_warnings
from replay.store import Manifest
from replay.traffic import TrafficCheck


def build_report_data(
    prepared: Prepared,
    check: TrafficCheck,
    compared: Compared,
    diagnosed: Diagnosed,
    manifest: Manifest,
    totals: Mapping[str, float],
    clock: Clock,
) -> ReportData:
    """Put together what the report shows and ``summary.json`` holds.

    Args:
        prepared: The run.
        check: Rows of the selected traffic.
        compared: What comparing the scores gave.
        diagnosed: The incidents; none where they were not searched for.
        manifest: What the run is made of.
        totals: What tasks counted; see :attr:`replay.scoring.table.merged.Scored.totals`.
        clock: The run's.
    """
    config, result, work = prepared.config, compared.diff.result, prepared.job.work
    outliers = _time_outliers(result, config)
    variants = {variant.name: variant_summary(result.variants[variant.name], variant) for variant in work.variants}
    summary = Summary(
        run_id=manifest.run_id,
        rows=result.rows + sum(result.rejected.values()),
        reconciliation=_reconciliation(prepared, check, compared),
        timings=timings_of(clock),
        traffic=replace(_traffic(prepared), time_outliers=outliers),
        checkpoints={name: _checkpoint(prepared, name) for name in config.all_checkpoints},
        variants=variants,
        baseline=config.baseline,
        warnings=(
            *check.warnings,
            *session_warnings(prepared.spark, prepared.plan.reader),
            *prepared.stamps,
            *match_warnings(prepared.matches),
            *audit_gates_note(config.gates),
            *(() if outliers is None else (outliers_sentence(outliers),)),
            *prepared.preflight.warnings(),
            *map(all_null_sentence, prepared.all_null),
            *altered_warnings(() if prepared.contract is None else prepared.contract.altered),
            *_counted(totals),
            *diagnosed.notes,
            *result.notes,
            *_contract_warning(config, variants[config.baseline].vs_online, diagnosed),
        ),
        started=datetime.fromisoformat(manifest.started),
        finished=datetime.fromisoformat(clock.now()),
        config_sha256=manifest.config_sha256,
        output=config.output,
        tolerance=ToleranceSummary(compared.tolerance.abs, compared.tolerance.rel),
        bucket_seconds=None if result.bucket is None else result.bucket.total_seconds(),
        online_metrics=result.online.metrics,
        noise_floor=_noise_floor(compared, diagnosed),
        incidents=diagnosed.incidents,
        stories=find_stories(diagnosed.incidents),
        standing=diagnosed.standing,
        slices=judge_slices(result.metric_rows),
        skew_matrix=compared.effects.skew_matrix,
        sensitivity=compared.effects.sensitivity,
        altered=_altered(prepared.contract),
    )
    return ReportData(_judged(summary, config.engine.max_rejected), result.metric_rows, tuple(compared.worst))


def timings_of(clock: Clock) -> Timings:
    """Where the time went so far."""
    spent = clock.timings()
    return Timings(**{entry.name: round(spent.get(entry.name, 0.0), 3) for entry in fields(Timings)})


def _reconciliation(prepared: Prepared, check: TrafficCheck, compared: Compared) -> Reconciliation:
    """Where every row went, those of files that could not be read among them."""
    result, files = compared.diff.result, prepared.traffic.unreadable
    unread = sum(file.rows or 0 for file in files)
    return Reconciliation(
        read=check.rows_read + unread,
        filtered=check.rows_read - check.rows_selected - check.copies,
        rejected={**result.rejected, **({UNREADABLE_FILE: unread} if unread else {})},
        scored=result.rows,
        rejected_by_feature=compared.rejects,
        copies=None if prepared.config.traffic.duplicates == "refuse" else check.copies,
        unreadable=unread_files(prepared.traffic) or None,
    )


def _noise_floor(compared: Compared, diagnosed: Diagnosed) -> NoiseFloorSummary | None:
    """The noise floor, with the background as it is outside of the incidents."""
    if compared.noise is None or diagnosed.background is None:
        return None if compared.noise is None else compared.noise.floor
    return replace(compared.noise.floor, mismatch_rate=diagnosed.background)


def _altered(contract: ContractCheck | None) -> tuple[AlteredValues, ...] | None:
    """What the rehearsed rows hold that the model gets otherwise; None where there were none."""
    return None if contract is None else tuple(AlteredValues(**each.to_dict()) for each in contract.altered)


def _time_outliers(result: DiffResult, config: ReplayConfig) -> TimeOutliers | None:
    """Rows of the baseline whose time lies far from all others."""
    if result.bucket is None:
        return None
    buckets = bucket_series(row for row in result.metric_rows if row.variant == config.baseline)
    return find_outliers(rows_by_start(buckets.values()))


def _judged(summary: Summary, most: float) -> Summary:
    """With what keeps the run from a verdict, or what it rejected, before all other warnings."""
    refused = no_verdict_sentence(summary, most)
    return replace(summary, refused=refused, warnings=(*rejected_warnings(summary, refused), *summary.warnings))


def _contract_warning(config: ReplayConfig, online: Comparison | None, diagnosed: Diagnosed) -> tuple[str, ...]:
    """Where (nearly) all rows disagree, and no diagnosis has said why, the contract is what to look at."""
    if online is None or not online.compared or diagnosed.incidents:
        return ()
    if online.mismatched < NEARLY_ALL * online.compared:
        return ()
    command = command_line(["replay", "validate", config.source or "replay.yaml"])
    return (
        f"{online.mismatched:,} of {online.compared:,} rows disagree with online under the baseline "
        f"`{config.baseline}`: that is rarely the traffic. `{command}` looks for what the contract has otherwise "
        "than serving",
    )


def _traffic(prepared: Prepared) -> TrafficSummary:
    traffic, config = prepared.traffic, prepared.config.traffic
    window = config.window
    return TrafficSummary(
        path=traffic.location,
        table=config.table,
        format=traffic.format,
        delta_version=traffic.delta_version,
        window=None if window is None else TimeRange(window.start, window.end),
        rolling=_rolling(prepared.config),
        where=config.where,
        sample_rate=None if config.sample is None else config.sample.rate,
    )


def _rolling(config: ReplayConfig) -> RollingWindow | None:
    at, window = config.run_start.at, config.run_start.rule
    if window is None or at is None:
        return None
    rule = window.rule()
    return RollingWindow(rule["last"], rule["ending"], rule.get("delay"), at)


def _checkpoint(prepared: Prepared, name: str) -> CheckpointSummary:
    route = prepared.job.work.routes.get(name)
    if route is not None:
        return CheckpointSummary("route", route.sha256, None, notes=(route.describe(),))
    checkpoint = prepared.checkpoints[name]
    notes = [f"set aside, not read: {', '.join(checkpoint.set_aside)}"] if checkpoint.set_aside else []
    notes += [f"{count:,} values that are not finite in {tensor}" for tensor, count in checkpoint.non_finite]
    return CheckpointSummary(
        format=str(checkpoint.format),
        sha256=checkpoint.sha256,
        parameters=checkpoint.parameters,
        path=checkpoint.place,
        contract_sha256=contract_fingerprint(prepared.config.contract_of(name)),
        notes=(*notes, *prepared.preflight.notes.get(name, ())),
    )


def _counted(totals: Mapping[str, float]) -> Iterator[str]:
    """What happened to rows under scenarios, in words."""
    for name, count in totals.items():
        kind, _, scenario = name.partition(":")
        if kind == "without_history":
            yield f"scenario {scenario}: {count:,.0f} rows have no value that is old enough: they got `missing`"
        elif kind == "without_match":
            yield f"scenario {scenario}: the other table has no row for {count:,.0f} rows: they are not touched"
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
    rest = dict(found)
    changes: Mapping[str, MetricValue] = rest.pop("changes", {})
    measures: dict[str, float | None] = {}
    for name, value in changes.items():
        measures |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
    reasons = {
        end: value.reason
        for name, value in changes.items()
        if value.reason is not None
        for end in ((name,) if value.value is None else (f"{name}_low", f"{name}_high"))
    }
    return Comparison(**rest | {"measures": measures, "reasons": found["reasons"] | reasons})
