"""Spark's tasks of a run that writes files: each answers with an :class:`Outcome`."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.scoring.job import BATCH_ROWS, ScoreJob, new_totals, score_partition
from replay.scoring.shipping import ship
from replay.scoring.table.committed import CommittedRows
from replay.scoring.table.outcome import FilePlan, Outcome, recount, write_outcome
from replay.spark.tasks.partitions import PartitionTasks
from replay.spark.tasks.run import run_tasks
from replay.spark.tasks.shared import DriverTotals, task_slots
from replay.store import LiveFile
from replay.traffic import KeyFingerprint, SplitPlan, read_split
from replay.traffic.key_digests import DigestIndex, digest_ranges, gather_range, has_repeats

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class ScoringTasks:
    """Tasks of one run; answers come in order.

    Args:
        spark: The session.
        job: What they do.
        plan: How they get their rows.
        files: Where they write.

    Attributes:
        reported: Adds up the rows of finished tasks.
        slots: Tasks that work at once, about.
    """

    def __init__(self, spark: SparkSession, job: ScoreJob, plan: SplitPlan, files: FilePlan) -> None:
        self._spark = spark
        self._files = files
        self._shipped = ship(spark, (job, plan, files), job.work, job.checkpoints)
        self.reported = new_totals(spark)
        self.slots = task_slots(spark)

    def score(self, wave: range) -> list[Outcome]:
        """Score splits, a task each."""
        shipped, report = self._shipped, self.reported.add

        def work(number: int) -> Outcome:
            job, plan, files = shipped.value
            rows = files.kept(number, read_split(plan.splits[number], plan, BATCH_ROWS))
            return _score(job, files, number, rows, report)

        return self._told(run_tasks(self._spark, wave, work))

    def _told(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Outcomes, whose rows are counted here where tasks do not tell of them as they end."""
        if isinstance(self.reported, DriverTotals):
            self.reported.add({"rows": sum(outcome.tallied.keys.rows for outcome in outcomes)})
        return outcomes

    def scanned(self, dataframe: DataFrame, committed: DigestIndex | None) -> ScannedTasks:
        """Tasks for the partitions of what Spark scans.

        Args:
            dataframe: The rows.
            committed: Keys of the rows that are in the table already, and are left out; None where there are none.
        """
        shipped, report = self._shipped, self.reported.add

        def work(number: int, rows: Iterable[pa.RecordBatch]) -> bytes:
            job, _, files = shipped.value
            outcome = _score(job, files, number, rows, report, committed)
            return pickle.dumps(outcome, protocol=pickle.HIGHEST_PROTOCOL)

        return ScannedTasks(PartitionTasks(dataframe, work))

    def recount(self, held: Sequence[LiveFile]) -> list[Outcome]:
        """Count the rows of files that are committed."""
        shipped = self._shipped

        def work(number: int) -> Outcome:
            return recount(shipped.value[2], number, held[number])

        return run_tasks(self._spark, range(len(held)), work)

    def find_repeats(self, paths: Sequence[str], rows: int) -> bool:
        """Whether two keys of all rows share a digest."""
        ranges = digest_ranges(rows)
        if len(ranges) == 1:
            return has_repeats(paths, *ranges[0])
        return any(run_tasks(self._spark, range(len(ranges)), lambda place: has_repeats(paths, *ranges[place])))

    def index(self, paths: Sequence[str], keys: KeyFingerprint) -> DigestIndex:
        """Gather digests of keys into an index.

        Args:
            paths: Files of digests.
            keys: Fingerprint of all their rows.
        """
        ranges = digest_ranges(keys.rows)
        targets = [f"{self._files.digests}/committed-{place:06}.uint64" for place in range(len(ranges))]
        if len(ranges) == 1:
            gather_range(paths, *ranges[0], targets[0])
        else:
            run_tasks(self._spark, range(len(ranges)), lambda at: gather_range(paths, *ranges[at], targets[at]))
        return DigestIndex(tuple(targets), tuple(lower for lower, _ in ranges), keys)


class ScannedTasks:
    """Tasks for the partitions of what Spark scans.

    Args:
        tasks: Spark's own.

    Attributes:
        count: How many partitions there are.
    """

    def __init__(self, tasks: PartitionTasks) -> None:
        self._tasks = tasks
        self.count = tasks.count

    def score(self, wave: range) -> list[Outcome]:
        """Score partitions, a task each."""
        # What the tasks of this very program answered; never bytes of another origin.
        return [pickle.loads(answer) for answer in self._tasks.run(wave)]


def _score(
    job: ScoreJob,
    files: FilePlan,
    number: int,
    rows: Iterable[pa.RecordBatch],
    report: Callable[[dict[str, float]], None],
    committed: DigestIndex | None = None,
) -> Outcome:
    totals: dict[str, float] = {}
    held = None if committed is None else CommittedRows(committed, job.work)
    scores = score_partition(job, rows if held is None else held.leave_logged(rows), totals.update)
    outcome = write_outcome(files, number, scores if held is None else held.leave_scored(scores), totals)
    totals.pop("rows", None)
    report({"rows": outcome.tallied.keys.rows})
    return outcome if held is None else replace(outcome, dropped=held.dropped)
