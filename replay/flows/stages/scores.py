"""All rows scored into the scores table, and what was counted on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

from replay.config import Tolerance, TrafficConfig
from replay.diff.first_pass import FirstPass
from replay.diff.spec import DiffSpec, VariantColumn
from replay.errors import CheckpointMismatch, ConfigError, Problem, RunFailed, TrafficError, WorkerCrashed
from replay.files.places import local_path
from replay.flows.problems import located
from replay.flows.stages.prepare import Prepared
from replay.report.terminal.progress import Progress
from replay.scoring import REJECTED
from replay.scoring.copies.dropped import DroppedRows
from replay.scoring.copies.find import find_copies
from replay.scoring.local import scoring_plan
from replay.scoring.table.key_check import check_selected
from replay.scoring.table.merged import Scored
from replay.scoring.table.outcome import FilePlan
from replay.scoring.table.tally import TallyPlan
from replay.scoring.table.through_spark import score_through_spark
from replay.scoring.table.waves import score_to_files
from replay.spark.errors import spark_errors
from replay.spark.tasks.arrow_mapping import Batches
from replay.store import (
    SCORES,
    LiveFile,
    Manifest,
    OutputDirectory,
    is_direct,
    read_table,
    remove_orphans,
    spark_location,
)
from replay.traffic import (
    DataFile,
    FileBatches,
    TableBatches,
    TrafficCheck,
    check_counted,
    check_traffic,
    key_fingerprint,
    open_traffic,
    values_refused,
)
from replay.traffic.paths import require_column
from replay.traffic.read.columns import plan_reading
from replay.traffic.read.scan import selected_dataframe

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class ScoresTable:
    """The scores table of a run.

    Attributes:
        spark: The session.
        path: Where it is.
        run_id: Of the run that wrote it.
        schema: Its own.
        files: Written by tasks; None where Spark wrote it.
        check: What is known of the selected traffic, and so of the table.
        scratch: A directory for what tasks leave each other; the run's alone.
        first: The first pass of the diff, where it was made on the way.
        totals: See :attr:`replay.scoring.table.merged.Scored.totals`.
    """

    spark: SparkSession
    path: str
    run_id: str
    schema: pa.Schema
    files: tuple[LiveFile, ...] | None
    check: TrafficCheck
    scratch: str
    first: FirstPass | None = None
    totals: dict[str, float] = field(default_factory=dict)

    @cached_property
    def batches(self) -> Batches:
        """The table as tasks get it: they read its files themselves where they can."""
        if self.files is None:
            table = TrafficConfig(path=self.path, key=(self.schema.names[0],), score=self.schema.names[-1])
            return TableBatches(self.spark, open_traffic(self.spark, table))
        files = [DataFile(f"{self.path}/{file.path}", file.size, file.num_rows) for file in self.files]
        return FileBatches(self.spark, files, self.schema, self.scratch)


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


def score_rows(prepared: Prepared, output: OutputDirectory, manifest: Manifest, progress: Progress) -> ScoresTable:
    """Score all variants into the scores table, wave by wave, and check keys and times of the traffic.

    Raises:
        TrafficError: No rows, null or duplicate keys: the output is empty then.
        RunFailed: Fewer rows were read than there are, or somebody else writes to the table.
    """
    refused = values_refused(prepared.spark, prepared.traffic)
    with located(prepared.config), refused, _naming_models(prepared), spark_errors("scoring"):
        if is_direct(prepared.spark, output.table(SCORES)):
            return _by_tasks(prepared, output, manifest, progress)
        return _by_spark(prepared, output, manifest, progress)


@contextmanager
def _naming_models(prepared: Prepared) -> Iterator[None]:
    """Say whose code a worker ran that crashed: of several, nobody knows which one it was."""
    try:
        yield
    except CheckpointMismatch as error:
        # A sample of the rows has been through every model by now: others among them are to blame.
        raise CheckpointMismatch(
            f"{error}\n  to reject the rows for which a model raises, and list them: --max-bad-rows N"
        ) from error
    except WorkerCrashed as error:
        names = ", ".join(
            f"{name!r}" + (f" ({each.config.factory})" if each.config.factory else "")
            for name, each in prepared.checkpoints.items()
        )
        several = "s" if len(prepared.checkpoints) > 1 else ""
        raise WorkerCrashed(f"{error}; it ran checkpoint{several} {names}") from error


def _by_tasks(prepared: Prepared, output: OutputDirectory, manifest: Manifest, progress: Progress) -> ScoresTable:
    config, job = prepared.config, prepared.job
    plan = scoring_plan(prepared.plan, job.work)
    tolerance, schema = config.diff.tolerance, job.work.schema()
    time = None if config.traffic.time is None else config.traffic.time.column
    spec = diff_spec(prepared, tolerance) if isinstance(tolerance, Tolerance) else None
    dropped = _find_copies(prepared, output.digests(), progress)
    files = FilePlan(
        table=output.table(SCORES),
        digests=output.digests(),
        schema=schema,
        indexed=len(schema) - len(job.work.variants),
        tally=TallyPlan(config.traffic.key, time, spec, config.diff.worst_rows),
        dropped=dropped,
    )
    refused: list[TrafficError] = []

    @cache
    def by_spark() -> TrafficCheck:
        try:
            return check_selected(prepared.spark, prepared.traffic, config.traffic, prepared.plan.columns)
        except TrafficError as error:
            refused.append(error)
            raise

    try:
        scored = score_to_files(
            prepared.spark,
            job,
            prepared.scan,
            plan,
            files,
            manifest.run_id,
            config.engine.commit_rows,
            plan.num_rows if plan.splits else prepared.traffic.num_rows or 0,
            progress,
            by_spark,
        )
        copies = _count_copies(prepared, dropped, scored)
        _refuse_missing_rows(prepared, scored.keys.rows + copies)
        if scored.keys_in_doubt or not scored.keys.rows:
            check = by_spark()
            _refuse_other_rows(prepared, scored, check, files.table)
            check = replace(check, keys=scored.keys)
        else:
            check = check_counted(prepared.spark, prepared.traffic, config.traffic, scored.keys, scored.times, copies)
    except TrafficError:
        if refused:
            output.discard()  # a run of these rows can never be complete
        raise
    output.drop_digests()
    remove_orphans(files.table, manifest.run_id)
    return ScoresTable(
        prepared.spark,
        files.table,
        manifest.run_id,
        schema,
        scored.files,
        check,
        output.scratch(),
        scored.first,
        scored.totals,
    )


def _find_copies(prepared: Prepared, folder: str, progress: Progress) -> DroppedRows | None:
    """The rows that tasks leave out, where tasks read them; None where there are none, or none are to be."""
    traffic, plan, config = prepared.traffic, prepared.plan, prepared.config.traffic
    if config.duplicates == "refuse" or not plan.splits:
        return None
    if local_path(folder) is None:
        message = "`drop_exact` wants an output on a disk that every task sees: tasks leave there what they find"
        raise ConfigError([Problem(message, path="traffic.duplicates")])
    progress.stage("looking for copies")
    roots = list(dict.fromkeys(require_column(traffic.schema, name).root for name in config.key))
    return find_copies(prepared.spark, plan, plan_reading(traffic, roots), config.key, folder)


def _count_copies(prepared: Prepared, dropped: DroppedRows | None, scored: Scored) -> int:
    """How many rows were left out as copies: by tasks that found them, or by Spark, which counts all rows then."""
    if prepared.config.traffic.duplicates == "refuse" or prepared.plan.splits:
        return 0 if dropped is None else dropped.rows
    return selected_dataframe(prepared.spark, prepared.traffic, ()).count() - scored.keys.rows


def _refuse_missing_rows(prepared: Prepared, rows: int) -> None:
    """Where the config selects every row, there are as many as the files say."""
    traffic = prepared.traffic
    if prepared.config.traffic.selects_all and traffic.num_rows is not None and rows != traffic.num_rows:
        raise RunFailed(
            f"{rows:,} rows were read, the traffic has {traffic.num_rows:,}: its files changed while "
            "they were read; use --overwrite to start afresh"
        )


def _refuse_other_rows(prepared: Prepared, scored: Scored, check: TrafficCheck, table: str) -> None:
    """Where no key is there twice, two that share a digest are different ones: unless Spark brought a row twice."""
    if prepared.plan.splits or not scored.keys.rows:
        return
    found = key_fingerprint(read_table(prepared.spark, table), prepared.config.traffic.key)
    if found != check.keys:
        raise RunFailed(
            f"the {found.rows:,} rows that were scored are not the {check.rows_selected:,} of the traffic: it is not "
            "the same each time that it is read; use --overwrite to start afresh"
        )


def _by_spark(prepared: Prepared, output: OutputDirectory, manifest: Manifest, progress: Progress) -> ScoresTable:
    """Where only Spark can write, it reads the keys before, and proves the table afterwards."""
    config, path = prepared.config, spark_location(prepared.spark, output.table(SCORES))
    check = check_traffic(prepared.spark, prepared.traffic, config.traffic, prepared.plan.columns)
    totals = score_through_spark(
        prepared.spark,
        prepared.job,
        prepared.scan,
        replace(prepared.plan, splits=()) if check.copies else prepared.plan,
        path,
        manifest.run_id,
        config.engine.commit_rows,
        check.rows_selected,
        progress,
    )
    return ScoresTable(
        prepared.spark, path, manifest.run_id, prepared.job.work.schema(), None, check, output.scratch(), totals=totals
    )
