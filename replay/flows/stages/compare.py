"""The scores table compared: proven complete, measured against online and against the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from replay.config import Tolerance
from replay.diff.job import Diff, diff_scores
from replay.diff.worst import RowDelta
from replay.errors import RunFailed, TrafficError
from replay.features import feature_column
from replay.flows.early import needs_noise
from replay.flows.incidents.noise_sample import NoiseSample, measure_noise_sample, noise_tolerance
from replay.flows.stages.effects import Effects, measure_effects
from replay.flows.stages.prepare import Prepared
from replay.flows.stages.rejected import rejects_by_feature
from replay.flows.stages.scores import ScoresTable, diff_spec
from replay.report.summary import FeatureRejects
from replay.report.summary.data import WorstRow
from replay.report.terminal.progress import Progress
from replay.report.words.commands import row_command
from replay.report.words.numbers import shortest
from replay.report.words.rejects import rejected_sentence
from replay.spark.guest import session_pool
from replay.store import foreign_commits, live_files, read_table
from replay.traffic import find_rows, key_fingerprint
from replay.traffic.lookup import as_stored


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


def compare(prepared: Prepared, table: ScoresTable, progress: Progress, *, diagnosing: bool) -> Compared:
    """Compare the replayed scores with what online answered, and the variants with the baseline.

    Args:
        prepared: The run.
        table: Its scores.
        progress: Shows the work.
        diagnosing: Incidents will be searched for, which needs the noise floor.

    Raises:
        RunFailed: The table does not hold every row of this run once, or holds another's.
        TrafficError: No row could be scored.
    """
    config = prepared.config
    progress.stage("comparing")
    with session_pool(prepared.spark, 1) as pool:
        complete = pool.submit(_prove_complete, prepared, table)
        rows = table.check.rows_selected
        noise = measure_noise_sample(prepared, table.batches, rows) if needs_noise(config, diagnosing) else None
        tolerance = config.diff.tolerance if isinstance(config.diff.tolerance, Tolerance) else noise_tolerance(noise)
        spec = diff_spec(prepared, tolerance)
        diff = diff_scores(table.batches, spec, config.traffic.key, config.diff.worst_rows, table.first)
        complete.result()
        rejects = rejects_by_feature(prepared, table, diff.result.rejected)
        _refuse_nothing_scored(diff, rejects)
        effects = measure_effects(prepared, table, diff, tolerance)
        return Compared(noise, tolerance, diff, _worst_rows(prepared, diff), effects, rejects)


def _prove_complete(prepared: Prepared, table: ScoresTable) -> None:
    """Read back what was committed, and prove that it is this run, every row, and no row twice.

    Raises:
        RunFailed: It is not.
    """
    foreign = foreign_commits(prepared.spark, table.path, table.run_id)
    if foreign:
        raise RunFailed(
            f"{table.path} also holds commits that are not of this run ({foreign[0]}): something else wrote to the "
            "output; use --overwrite to start afresh"
        )
    if table.files is not None:
        held = live_files(table.path)
        rows, whole = sum(file.num_rows for file in held), held == sorted(table.files)
    else:
        keys = key_fingerprint(read_table(prepared.spark, table.path), prepared.config.traffic.key)
        rows, whole = keys.rows, keys == table.check.keys
    if not whole or rows != table.check.rows_selected:
        raise RunFailed(
            f"the scores table holds {rows:,} rows, the selected traffic {table.check.rows_selected:,}, or other keys: "
            "files of the traffic changed while it was read, or the output was written to; use --overwrite to start "
            "afresh"
        )


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
        stored = (as_stored(feature_column(batch, name)).to_pylist() for name in config.traffic.key)
        identities = zip(*stored, strict=True)
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
