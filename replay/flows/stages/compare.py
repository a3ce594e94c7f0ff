"""The scores table compared: proven complete, measured against online and against the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from replay.config import Tolerance, TrafficConfig
from replay.diff.job import Diff, diff_scores
from replay.diff.spec import DiffSpec, VariantColumn
from replay.diff.worst import RowDelta
from replay.errors import RunFailed, TrafficError
from replay.features import feature_column
from replay.flows.early import needs_noise
from replay.flows.incidents.diagnose import NoiseSample, measure_noise_sample, noise_tolerance
from replay.flows.stages.effects import Effects, measure_effects
from replay.flows.stages.prepare import Prepared
from replay.flows.stages.rejected import rejects_by_feature
from replay.report.summary import FeatureRejects
from replay.report.summary.data import WorstRow
from replay.report.terminal.progress import Progress
from replay.report.words.commands import row_command
from replay.report.words.numbers import shortest
from replay.report.words.rejects import rejected_sentence
from replay.scoring import REJECTED
from replay.spark.guest import session_pool
from replay.store import foreign_commits, read_table
from replay.traffic import TableBatches, TrafficCheck, find_rows, key_fingerprint, open_traffic


@dataclass(frozen=True)
class Compared:
    """What comparing the scores gave.

    Attributes:
        noise: The noise floor and the rows that it was measured on; None where neither tolerance nor search needs it.
        tolerance: What counts as agreement.
        diff: Everything measured.
        worst: Rows furthest from online, with their logged features.
        effects: Skew matrix and sensitivity, where the config asks for them.
        rejects: The rejected rows by feature.
    """

    noise: NoiseSample | None
    tolerance: Tolerance
    diff: Diff
    worst: list[WorstRow]
    effects: Effects
    rejects: Mapping[str, FeatureRejects] = field(default_factory=dict)


def compare(
    prepared: Prepared, check: TrafficCheck, path: str, run_id: str, progress: Progress, *, diagnosing: bool
) -> Compared:
    """Compare the replayed scores with what online answered, and the variants with the baseline.

    Args:
        prepared: The run.
        check: What is known of the selected traffic.
        path: The scores table's.
        run_id: Of the run that wrote it.
        progress: Shows the work.
        diagnosing: Incidents will be searched for, which needs the noise floor.

    Raises:
        RunFailed: The table does not hold every row of this run once, or holds another's.
        TrafficError: No row could be scored.
    """
    config, spark = prepared.config, prepared.spark
    progress.stage("comparing")
    scores = read_table(spark, path)
    with session_pool(spark, 1) as pool:
        complete = pool.submit(_prove_complete, prepared, path, run_id, check)
        noise = measure_noise_sample(prepared, scores, check.rows_selected) if needs_noise(config, diagnosing) else None
        tolerance = config.diff.tolerance if isinstance(config.diff.tolerance, Tolerance) else noise_tolerance(noise)
        spec = diff_spec(prepared, tolerance)
        diff = diff_scores(scores, spec, config.traffic.key, config.diff.worst_rows, _batches(prepared, path))
        complete.result()
        rejects = rejects_by_feature(prepared, scores, diff.result.rejected)
        _refuse_nothing_scored(diff, rejects)
        effects = measure_effects(prepared, scores, diff, tolerance)
        return Compared(noise, tolerance, diff, _worst_rows(prepared, diff), effects, rejects)


def diff_spec(prepared: Prepared, tolerance: Tolerance) -> DiffSpec:
    """What the diff of a run reads from its scores table, and how it judges."""
    traffic, diff = prepared.config.traffic, prepared.config.diff
    return DiffSpec(
        online=traffic.score,
        variants=tuple(
            VariantColumn(variant.name, variant.name, None if variant.scenario is None else variant.checkpoint)
            for variant in prepared.job.work.variants
        ),
        baseline=prepared.config.baseline,
        tolerance=tolerance,
        label=traffic.label,
        weight=traffic.weight,
        group=traffic.group,
        time=None if traffic.time is None else traffic.time.column,
        bucket_us=round(diff.bucket.total_seconds() * 1e6),
        segments=traffic.segments,
        rejected=REJECTED,
    )


def _prove_complete(prepared: Prepared, path: str, run_id: str, check: TrafficCheck) -> None:
    """Read the scores table back, and prove that it holds this run, every row, and no row twice.

    Raises:
        RunFailed: It does not.
    """
    foreign = foreign_commits(prepared.spark, path, run_id)
    if foreign:
        raise RunFailed(
            f"{path} also holds commits that are not of this run ({foreign[0]}): something else wrote to the output; "
            "use --overwrite to start afresh"
        )
    held = key_fingerprint(read_table(prepared.spark, path), prepared.config.traffic.key)
    if held != check.keys:
        raise RunFailed(
            f"the scores table holds {held.rows:,} rows, the selected traffic {check.keys.rows:,}, or other keys: "
            "files of the traffic changed while it was read, or the output was written to; use --overwrite to start "
            "afresh"
        )


def _batches(prepared: Prepared, path: str) -> TableBatches:
    """The scores table, read as logged traffic is: by the tasks themselves where they can."""
    config = prepared.config
    table = TrafficConfig(path=path, key=config.traffic.key, score=config.baseline)
    return TableBatches(prepared.spark, open_traffic(prepared.spark, table))


def _refuse_nothing_scored(diff: Diff, rejects: Mapping[str, FeatureRejects]) -> None:
    if diff.result.rows == 0:
        rows = sum(diff.result.rejected.values())
        raise TrafficError(
            f"no row could be scored: {rejected_sentence(rows, rows, rejects)}; `replay validate` prints what would "
            "accept them"
        )


def _worst_rows(prepared: Prepared, diff: Diff) -> list[WorstRow]:
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
    return [_worst(prepared, delta, features.get(tuple(delta.key.values()), {})) for delta in found]


def _worst(prepared: Prepared, delta: RowDelta, features: Mapping[str, Any]) -> WorstRow:
    return WorstRow(
        variant=delta.variant,
        key=delta.key,
        time=delta.time,
        online=None if delta.online is None else shortest(delta.online),
        replayed=None if delta.replayed is None else shortest(delta.replayed),
        delta=delta.delta,
        features=features,
        command=row_command(prepared.output, delta.key, prepared.options.flags),
        kind=delta.kind,
    )
