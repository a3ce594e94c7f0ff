"""The conductor: one replay, from the config to the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from replay.config import ReplayConfig, Tolerance
from replay.config.run_start import resolve
from replay.diagnosis.causes.find import Trial
from replay.flows.attempt import attempt, load_to_run
from replay.flows.finished.find import find_finished
from replay.flows.finished.result import RunResult, render_results
from replay.flows.gate import check_gates
from replay.flows.incidents.diagnose import Diagnosed, diagnose_scores
from replay.flows.incidents.verification import Claim, verify_claim
from replay.flows.options import Options
from replay.flows.problems import located
from replay.flows.sources.opening import MatchedTables
from replay.flows.sources.unreadable import naming_sources
from replay.flows.stages.clock import Clock
from replay.flows.stages.compare import Compared, compare
from replay.flows.stages.identity import Resumable, make_manifest, refuse_changes
from replay.flows.stages.prepare import Prepared, prepare
from replay.flows.stages.rehearse import refuse_rejected
from replay.flows.stages.rejected import refuse_bad_rows
from replay.flows.stages.results import build_report_data, timings_of
from replay.flows.stages.scores import score_rows
from replay.flows.stages.tables import diffs_table, hypotheses_table, metrics_table
from replay.report.gates import judge_gates
from replay.report.summary.data import ReportData
from replay.report.terminal.notebook import choose_progress
from replay.report.terminal.progress import Progress
from replay.scenarios import LeastChanges
from replay.spark.delta.memory import forget_log
from replay.spark.errors import spark_errors
from replay.spark.guest import session_pool
from replay.spark.tasks.arrow_mapping import Batches
from replay.store import (
    DIFFS,
    HYPOTHESES,
    METRICS,
    REPORT,
    SCORES,
    Hold,
    Manifest,
    OutputDirectory,
    hold_output,
    last_wave,
    needs_spark,
    open_storage,
    replace_table,
    verify_name,
)
from replay.traffic import PinnedSource


@dataclass(frozen=True)
class Measured:
    """What a run has measured before its gates are judged, for commands that add to it.

    Attributes:
        prepared: The run.
        scores: Its scores table.
        tolerance: What counts as agreement.
        output: Where it writes.
        manifest: What it is made of.
        data: What its report is to show.
    """

    prepared: Prepared
    scores: Batches
    tolerance: Tolerance
    output: OutputDirectory
    manifest: Manifest
    data: ReportData


def run(
    config: ReplayConfig | str | Path,
    *,
    overrides: Sequence[str] = (),
    output: str | None = None,
    overwrite: bool = False,
    options: Options | None = None,
    progress: Progress | None = None,
    quiet: bool = False,
) -> RunResult:
    """Replay a logged window end to end.

    A killed run goes on where it stopped when it is run again: same config, same pinned table, finished waves kept. A
    complete run of exactly this config, over traffic that has not changed, is given as it is: nothing is done again.

    Args:
        config: A config, or the path of its file.
        overrides: ``key=value`` expressions over the file, as ``--set``.
        output: Where to write, instead of the config's ``output``.
        overwrite: Start afresh, and replace whatever run the output holds.
        options: Spark and safety options.
        progress: Shows the work; default: a terminal or a notebook shows it, on stderr, and nothing else does.
        quiet: Show nothing anywhere.

    Returns:
        The summary, the scores and the report's place.

    Raises:
        ConfigError: Anything in the config is wrong, or does not fit the traffic or a checkpoint (all at once).
        OutputConflict: The output holds a run of another config, or another run writes to it.
        TrafficError: The traffic is refused.
        CheckpointError: A checkpoint is refused.
        RunFailed: The run failed on its way.
    """
    if not isinstance(config, ReplayConfig):
        config = load_to_run(config, overrides, output)
    config, options = resolve(config), options or Options()
    with progress or choose_progress(quiet=quiet) as shown, attempt(config, overwrite=overwrite):
        done = find_finished(config, options, shown, overwrite=overwrite, diagnosing=False)
        return done or replay_window(config, options, shown, overwrite=overwrite)


def replay_window(
    config: ReplayConfig,
    options: Options,
    progress: Progress,
    *,
    overwrite: bool = False,
    diagnosing: bool = False,
    claim: Claim | None = None,
    complete: Callable[[Measured], ReportData] | None = None,
    least_changes: LeastChanges | None = None,
    matched: MatchedTables | None = None,
    audited: Mapping[str, PinnedSource] | None = None,
) -> RunResult:
    """Replay as :func:`run` does.

    Args:
        config: The replay.
        options: Spark and safety options.
        progress: Shows the work.
        overwrite: Start afresh, and replace whatever run the output holds.
        diagnosing: Find the incidents and their causes as well.
        claim: Causes of an incident that an earlier run found, which this one replays: whether they hold.
        complete: Adds what else a command measures, before the gates are judged.
        least_changes: What gives features the distributions of other tables; default: they are taken from these.
        matched: How other tables and the traffic were found to meet; default: their keys are read.
        audited: Other tables that what is added is of, by name: they tell the run from others, too.
    """
    config, clock = resolve(config), Clock(progress)
    resumable = Resumable(config, overwrite=overwrite)
    with ExitStack() as visit:
        held = _hold(config.output, visit)
        prepared = prepare(
            config,
            options,
            visit,
            progress=progress,
            pin=resumable.pin,
            rehearsing=True,
            least_changes=least_changes,
            matched=matched,
        )
        prepared = replace(prepared, sources={**(audited or {}), **prepared.sources})
        check_gates(prepared)
        refuse_rejected(prepared.contract, prepared.config)
        if claim is not None:
            refuse_changes(prepared, claim.manifest)
        storage = open_storage(config.output, prepared.spark)
        held = held or visit.enter_context(hold_output(storage))
        output = OutputDirectory(storage)
        manifest = make_manifest(prepared, options, resumable.config_sha256, clock.started)
        said = resumable.says(prepared, manifest.run_id)
        if said is not None:
            progress.note(said)
        held.check()
        _begin(prepared, output, manifest, resume=resumable.continues(manifest.run_id))
        with naming_sources(prepared.sources):
            table = score_rows(prepared, output, manifest, progress)
        clock.add(table.totals)
        with spark_errors("comparing"):
            compared = compare(prepared, table, progress, diagnosing=diagnosing)
        left_out = sum(file.counted for file in prepared.traffic.unreadable)
        refuse_bad_rows(compared.diff.result.rejected, prepared.config.engine.max_bad_rows, left_out)
        incidents = Diagnosed()
        if diagnosing and compared.noise is not None:
            with spark_errors("diagnosing"):
                incidents = diagnose_scores(prepared, table.batches, compared.noise, compared.tolerance, progress)
        verification = None
        if claim is not None:
            progress.stage("comparing")
            with spark_errors("comparing"):
                rows = table.check.rows_selected
                verification = verify_claim(prepared, table.batches, claim, compared.tolerance, rows)
        progress.stage("writing the tables")
        with spark_errors("writing"):
            _write_tables(prepared, output, manifest, compared, incidents.tried if diagnosing else None)
        progress.stage("writing the report")
        data = build_report_data(prepared, table.check, compared, incidents, manifest, table.totals, clock)
        if complete is not None:
            with naming_sources(prepared.sources), spark_errors("writing"):
                data = complete(Measured(prepared, table.batches, compared.tolerance, output, manifest, data))
            finished = datetime.fromisoformat(clock.now())
            data = replace(data, summary=replace(data.summary, timings=timings_of(clock), finished=finished))
        with located(config):
            gates = judge_gates(config.gates, data.summary, compared.diff.result.metric_rows)
        summary = replace(data.summary, gates=gates, diagnosed=diagnosing, verification=verification)
        held.check()
        return _finish(output, manifest, replace(data, summary=summary), clock, incidents.configs)


def _hold(output: str, visit: ExitStack) -> Hold | None:
    """Hold an output that this process reaches, before Spark is asked for anything; None where only Spark does."""
    return None if needs_spark(output) else visit.enter_context(hold_output(open_storage(output)))


def _begin(prepared: Prepared, output: OutputDirectory, manifest: Manifest, *, resume: bool) -> None:
    """Take the output; a run without a committed wave, for whatever reason, has nothing to go on with."""
    tables = [output.table(name) for name in (SCORES, DIFFS, METRICS, HYPOTHESES)]
    # What the session knows of tables that are gone, among it the waves that Delta would skip, is not what is there.
    for path in tables:
        forget_log(prepared.spark, path)
    resume = resume and last_wave(prepared.spark, tables[0], manifest.run_id) >= 0
    output.begin(manifest, resume=resume)
    for path in tables if not resume else ():
        forget_log(prepared.spark, path)


def _write_tables(
    prepared: Prepared,
    output: OutputDirectory,
    manifest: Manifest,
    compared: Compared,
    tried: Sequence[tuple[int, Trial]] | None,
) -> None:
    """Write the tables beside the scores, side by side; the hypotheses only where they were asked for."""
    spark = prepared.spark
    tables = {DIFFS: diffs_table(compared.worst), METRICS: metrics_table(compared.diff)}
    if tried is not None:
        tables[HYPOTHESES] = hypotheses_table(tried)
    with session_pool(spark, len(tables)) as pool:
        list(pool.map(lambda name: replace_table(spark, tables[name], output.table(name), manifest.run_id), tables))


def _finish(
    output: OutputDirectory, manifest: Manifest, data: ReportData, clock: Clock, configs: Mapping[int, str]
) -> RunResult:
    rows: dict[str, Any] = {"in": data.summary.reconciliation.read, "out": data.summary.rows}
    files = {f"{verify_name(number)}.yaml": text for number, text in configs.items()}
    data, shown = render_results(data, output.path)
    output.finish(manifest, clock.now(), rows, {**files, **shown})
    return RunResult(data, output.path, f"{output.path}/{REPORT}")
