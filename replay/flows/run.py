"""The conductor: one replay, from the config to the report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replay.config import (
    ReplayConfig,
    Tolerance,
    TrafficConfig,
    fingerprint,
    load_config,
)
from replay.diff.job import Diff, diff_scores
from replay.errors import RunFailed, TrafficError
from replay.flows.gate import check_gates
from replay.flows.incidents.diagnose import (
    Diagnosed,
    diagnose_scores,
    measure_noise_sample,
    needs_noise,
    quiet_tolerance,
)
from replay.flows.options import Options
from replay.flows.stages.diff_spec import diff_spec
from replay.flows.stages.effects import measure_effects
from replay.flows.stages.identity import Resumable, make_manifest
from replay.flows.stages.prepare import Prepared, located, prepare
from replay.flows.stages.results import RunFindings, build_report_data, worst_rows
from replay.flows.stages.tables import diffs_table, hypotheses_table, metrics_table
from replay.report.gates import check_metrics, judge_gates
from replay.report.html.render import render_html
from replay.report.summary.data import ReportData
from replay.report.terminal.progress import Progress, make_progress
from replay.scoring.waves import score_in_waves
from replay.spark.guest import session_pool
from replay.spark.session import start_session
from replay.spark.task_errors import spark_errors
from replay.store import (
    DIFFS,
    HYPOTHESES,
    METRICS,
    REPORT,
    REPORT_DATA,
    SCORES,
    SUMMARY,
    Manifest,
    OutputDirectory,
    foreign_commits,
    forget_table,
    last_wave,
    open_storage,
    read_table,
    replace_table,
)
from replay.traffic import TableBatches, TrafficCheck, key_fingerprint, open_traffic

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from replay.report.summary import Summary


@dataclass(frozen=True)
class RunResult:
    """What a run left.

    Attributes:
        data: The summary and what the report's pictures need.
        output: The output directory.
        report_path: The HTML report.
    """

    data: ReportData
    output: str
    report_path: str

    @property
    def summary(self) -> Summary:
        """The summary: `to_dict()` gives what ``summary.json`` holds."""
        return self.data.summary

    @property
    def scores(self) -> DataFrame:
        """The scores table as a Spark DataFrame, a float column per variant.

        Where a scenario did not touch a row, the table has a null and this its checkpoint's score.
        """
        from pyspark.sql import functions as F

        table = read_table(start_session(), f"{self.output}/{SCORES}")
        # By place: how a name is read depends on the session.
        places = {name: f"c{place}" for place, name in enumerate(table.columns)}
        variants = self.summary.variants
        filled = {name: variant.checkpoint for name, variant in variants.items() if variant.scenario is not None}
        columns = (F.coalesce(place, places[filled.get(name, name)]).alias(place) for name, place in places.items())
        return table.toDF(*places.values()).select(*columns).toDF(*places)


def run(
    config: ReplayConfig | str | Path,
    *,
    overrides: Sequence[str] = (),
    output: str | None = None,
    overwrite: bool = False,
    options: Options | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Replay a logged window end to end.

    A killed run goes on where it stopped when it is run again: same config, same pinned table, finished waves kept.

    Args:
        config: A config, or the path of its file.
        overrides: ``key=value`` expressions over the file, as ``--set``.
        output: Where to write, instead of the config's ``output``.
        overwrite: Start afresh, and replace whatever run the output holds.
        options: Spark and safety options.
        progress: Shows the work; default: nothing is shown.

    Returns:
        The summary, the scores and the report's place.

    Raises:
        ConfigError: Anything in the config is wrong, or does not fit the traffic or a checkpoint (all at once).
        OutputConflict: The output holds a run of another config.
        TrafficError: The traffic is refused.
        CheckpointError: A checkpoint is refused.
        RunFailed: The run failed on its way.
    """
    if not isinstance(config, ReplayConfig):
        config = load_config(config, overrides=overrides, output=output)
    with progress or make_progress(quiet=True) as shown:
        return replay_window(config, options or Options(), shown, overwrite=overwrite)


def replay_window(
    config: ReplayConfig, options: Options, progress: Progress, *, overwrite: bool = False, diagnosing: bool = False
) -> RunResult:
    """Replay as :func:`run` does; where ``diagnosing``, find the incidents and their causes as well."""
    with ExitStack() as visit:
        return _replay(config, options, progress, visit, overwrite=overwrite, diagnosing=diagnosing)


def _replay(
    config: ReplayConfig, options: Options, progress: Progress, visit: ExitStack, *, overwrite: bool, diagnosing: bool
) -> RunResult:
    clock = _Clock()
    with located(config):
        check_metrics(config.gates)
    config_sha256 = fingerprint(config)
    resumable = Resumable(config, config_sha256, overwrite=overwrite)
    progress.stage("preparing")
    prepared = prepare(config, options, visit, pin=resumable.pin, check_keys=True)
    check = prepared.check
    assert check is not None
    check_gates(prepared)
    output = OutputDirectory(open_storage(config.output, prepared.spark))
    manifest = make_manifest(prepared, config_sha256, clock.started)
    _begin(prepared, output, manifest, resume=resumable.continues(manifest.run_id))
    with spark_errors("scoring"):
        totals = score_in_waves(
            prepared.spark,
            prepared.job,
            prepared.scan,
            prepared.plan,
            output.table(SCORES),
            manifest.run_id,
            config.engine.commit_rows,
            check.rows_selected,
            progress,
        )
    clock.add(totals)
    with spark_errors("reading the scores back"):
        scores = read_table(prepared.spark, output.table(SCORES))
    with session_pool(prepared.spark, 1) as pool, spark_errors("comparing"), clock.wall("diff"):
        complete = pool.submit(_prove_complete, prepared, output, manifest.run_id, check)
        quiet = measure_noise_sample(prepared, scores, check.rows_selected) if needs_noise(config, diagnosing) else None
        progress.stage("comparing")
        tolerance = config.diff.tolerance if isinstance(config.diff.tolerance, Tolerance) else quiet_tolerance(quiet)
        diff = diff_scores(
            scores,
            diff_spec(prepared, tolerance),
            config.traffic.key,
            config.diff.worst_rows,
            _as_batches(prepared, output),
        )
        complete.result()
        _refuse_nothing_scored(diff)
        worst = worst_rows(prepared, diff)
        effects = measure_effects(prepared, scores, diff, tolerance)
    incidents = Diagnosed()
    if diagnosing and quiet is not None:
        with spark_errors("diagnosing"), clock.wall("diagnose"):
            incidents = diagnose_scores(prepared, scores, quiet, tolerance, progress)
    with spark_errors("writing"), clock.wall("diff"):
        tables = {DIFFS: diffs_table(prepared.spark, worst), METRICS: metrics_table(prepared.spark, diff)}
        if diagnosing:
            tables[HYPOTHESES] = hypotheses_table(prepared.spark, incidents.tried)
        with session_pool(prepared.spark, len(tables)) as pool:
            list(pool.map(lambda name: replace_table(tables[name], output.table(name), manifest.run_id), tables))
    found = RunFindings(
        tolerance, None if quiet is None else quiet.floor, incidents.incidents, effects, totals, incidents.notes
    )
    data = build_report_data(prepared, check, diff, worst, manifest, found, clock.timings(), clock.now())
    with located(config):
        verdicts = judge_gates(config.gates, data.summary, diff.result.metric_rows)
    data = replace(data, summary=replace(data.summary, gates=verdicts, diagnosed=diagnosing))
    return _finish(output, manifest, data, clock)


def _begin(prepared: Prepared, output: OutputDirectory, manifest: Manifest, *, resume: bool) -> None:
    """Take the output; a run without a committed wave, for whatever reason, has nothing to go on with."""
    tables = [output.table(name) for name in (SCORES, DIFFS, METRICS, HYPOTHESES)]
    # What the session knows of tables that are gone, among it the waves that Delta would skip, is not what is there.
    for path in tables:
        forget_table(prepared.spark, path)
    resume = resume and last_wave(prepared.spark, tables[0], manifest.run_id) >= 0
    output.begin(manifest, resume=resume)
    for path in tables if not resume else ():
        forget_table(prepared.spark, path)


def _finish(output: OutputDirectory, manifest: Manifest, data: ReportData, clock: _Clock) -> RunResult:
    rows: dict[str, Any] = {"in": data.summary.reconciliation.read, "out": data.summary.rows}
    files = {SUMMARY: data.summary.to_json(), REPORT_DATA: data.to_json(), REPORT: render_html(data)}
    output.finish(manifest, clock.now(), rows, files)
    return RunResult(data, output.path, f"{output.path}/{REPORT}")


def _prove_complete(prepared: Prepared, output: OutputDirectory, run_id: str, check: TrafficCheck) -> None:
    """Read the scores table back, and prove that it holds this run, every row, and no row twice.

    Raises:
        RunFailed: It does not.
    """
    path = output.table(SCORES)
    strangers = foreign_commits(prepared.spark, path, run_id)
    if strangers:
        raise RunFailed(
            f"{path} also holds commits that are not of this run ({strangers[0]}): something else wrote to the output; "
            "use --overwrite to start afresh"
        )
    found = key_fingerprint(read_table(prepared.spark, path), prepared.config.traffic.key)
    if found != check.keys:
        raise RunFailed(
            f"the scores table holds {found.rows:,} rows, the selected traffic {check.keys.rows:,}, or other keys: "
            "files of the traffic changed while it was read, or the output was written to; use --overwrite to start "
            "afresh"
        )


def _as_batches(prepared: Prepared, output: OutputDirectory) -> TableBatches:
    """The scores table, read as logged traffic is: by the tasks themselves where they can."""
    table = TrafficConfig(path=output.table(SCORES), key=prepared.config.traffic.key, score=prepared.config.baseline)
    return TableBatches(prepared.spark, open_traffic(prepared.spark, table))


def _refuse_nothing_scored(diff: Diff) -> None:
    if diff.result.rows == 0:
        rejected = diff.result.rejected
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in rejected.items())
        raise TrafficError(
            f"none of the {sum(rejected.values()):,} rows could be scored ({reasons}): see the model's inputs, "
            "`missing` for nulls, `unknown` for values that are not in a vocabulary"
        )


class _Clock:
    """Wall time of the run and of its stages."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.started = self.now()
        self._seconds: dict[str, float] = {}

    @staticmethod
    def now() -> str:
        """This moment, ISO 8601 in UTC."""
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def wall(self, stage: str) -> _Stage:
        """Context that adds its wall time to a stage."""
        return _Stage(self._seconds, stage)

    def add(self, seconds: dict[str, float]) -> None:
        """Add seconds that tasks measured."""
        for name, amount in seconds.items():
            self._seconds[name] = self._seconds.get(name, 0.0) + amount

    def timings(self) -> dict[str, float]:
        """Seconds by stage, and ``wall`` so far."""
        return {**self._seconds, "wall": time.perf_counter() - self._start}


class _Stage:
    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self._seconds = seconds
        self._name = name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._name] = self._seconds.get(self._name, 0.0) + time.perf_counter() - self._start
