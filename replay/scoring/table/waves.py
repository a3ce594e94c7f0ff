"""Scoring in waves: a wave is a group of tasks whose files are committed together, so that a killed run loses few."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from replay.errors import RunFailed
from replay.scoring.job import ScoreJob
from replay.scoring.table.listening import ProgressListener, reporting
from replay.scoring.table.merged import Merged, Scored
from replay.scoring.table.outcome import FilePlan, Outcome
from replay.scoring.table.tasks import ScoringTasks
from replay.spark.guest import session_pool
from replay.store import append_files, is_whole, last_wave, live_files
from replay.traffic import Split, SplitPlan
from replay.traffic.key_digests import NO_KEYS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_IN_FLIGHT = 2
"""Waves that are worked on at once, at least: the slots that one leaves idle as it ends are the next one's."""


def plan_waves(splits: Sequence[Split], rows: int) -> list[range]:
    """Group splits, in order, into waves of at least ``rows`` rows (the last may have fewer): ranges of places."""
    waves: list[range] = []
    start = held = 0
    for place, split in enumerate(splits, start=1):
        held += split.num_rows
        if held >= rows or place == len(splits):
            waves.append(range(start, place))
            start, held = place, 0
    return waves


def score_to_files(
    spark: SparkSession,
    job: ScoreJob,
    scan: Callable[[], DataFrame],
    plan: SplitPlan,
    files: FilePlan,
    run_id: str,
    commit_rows: int,
    total_rows: int,
    progress: ProgressListener,
    doubted: Callable[[], object] = lambda: None,
) -> Scored:
    """Score the whole plan into a Delta table, going on after the last wave that is committed.

    A task writes its scores to a file itself and counts what the diff needs; a wave's files are committed when all of
    them are there. A file that is not committed is no part of the table.

    Splits are the same in every attempt, so that one goes on after the waves that are committed. Partitions of Spark's
    scan need not be: there every row is read again, and those with a key that is committed are left out.

    Args:
        spark: The session.
        job: What tasks do.
        scan: Gives the rows where Spark reads them.
        plan: How tasks get their rows.
        files: Where tasks write, and what they count.
        run_id: Whose commits count.
        commit_rows: Rows of a commit, at least, or about where Spark reads.
        total_rows: Rows in all, about, for the progress.
        progress: Listens to how far the work is.
        doubted: Called as soon as a key is null, or two of one task share a digest; what it raises ends the work.

    Raises:
        RunFailed: Somebody else writes to the table, or the traffic is not what it was.
    """
    progress.stage("scoring", total_rows)
    done = last_wave(spark, files.table, run_id) + 1
    tasks = ScoringTasks(spark, job, plan, files)
    table = _Table(files, run_id, done, doubted)
    if done:
        table.recounted(tasks.recount(live_files(files.table)))
    with reporting(tasks.reported, progress, table.merged.keys.rows):
        if plan.splits:
            waves = plan_waves(plan.splits, commit_rows)
            in_flight = _in_flight(waves, tasks.slots)
            with session_pool(spark, in_flight) as pool:
                for _, outcomes in _in_order(pool.submit, tasks.score, waves[done:], in_flight):
                    table.commit(outcomes)
        elif not (done and is_whole(files.table)):
            committed = tasks.index(table.merged.digests, table.committed) if done else None
            partitions = tasks.scanned(scan(), committed)
            with session_pool(spark, _IN_FLIGHT) as pool:
                groups = group_partitions(partitions.count, tasks.slots, commit_rows, table.rows_of_one)
                for group, outcomes in _in_order(pool.submit, partitions.score, groups, _IN_FLIGHT):
                    table.commit_scanned(outcomes, last=group.stop == partitions.count)
    return table.merged.scored(tasks.find_repeats)


def group_partitions(count: int, slots: int, rows: int, rows_of_one: Callable[[], float]) -> Iterator[range]:
    """Group the partitions of a scan into waves of ``rows`` rows or so, and of a task at least for each slot.

    Args:
        count: Partitions; of none, there is one wave.
        slots: Tasks that work at once.
        rows: Rows of a wave, about.
        rows_of_one: Rows of a partition, as far as any have been read; else 0.
    """
    start, wave = 0, range(0)
    while start < count:
        known = rows_of_one()
        size = max(slots, math.ceil(rows / known)) if known else slots
        wave = range(start, min(start + size, count))
        yield wave
        start = wave.stop
    if not wave:
        yield wave


class _Table:
    """The scores table, as waves are committed to it.

    Args:
        files: Where tasks write.
        run_id: Whose commits they are.
        done: Waves that are committed.
        doubted: See :func:`score_to_files`.

    Attributes:
        merged: What all tasks counted.
        committed: Keys of the rows that earlier attempts committed.
    """

    def __init__(self, files: FilePlan, run_id: str, done: int, doubted: Callable[[], object]) -> None:
        self._files = files
        self._run_id = run_id
        self._next = done
        self._doubted = doubted
        self._partitions = 0
        self.merged = Merged()
        self.committed = NO_KEYS

    def recounted(self, outcomes: Iterable[Outcome]) -> None:
        """Count the rows that are committed."""
        self.merged.add(outcomes)
        self.committed = self.merged.keys

    def rows_of_one(self) -> float:
        """Rows that a partition of the scan has had, on average; 0 before any was read."""
        rows = self.merged.keys.rows - self.committed.rows + self.merged.dropped.rows
        return rows / self._partitions if self._partitions else 0.0

    def commit(self, outcomes: Sequence[Outcome]) -> None:
        """Commit the next wave of splits."""
        self._add(outcomes)
        self._append(outcomes)

    def commit_scanned(self, outcomes: Sequence[Outcome], *, last: bool) -> None:
        """Commit the next wave of partitions; where there is no row in it, only if it is the last one.

        Raises:
            RunFailed: The rows that earlier attempts committed have not come again, each once.
        """
        self._partitions += len(outcomes)
        self._add(outcomes)
        if last:
            self._refuse_others()
        if last or any(outcome.written is not None for outcome in outcomes):
            self._append(outcomes, whole=last)

    def _add(self, outcomes: Sequence[Outcome]) -> None:
        self.merged.add(outcomes)
        if self.merged.doubtful:
            self._doubted()

    def _append(self, outcomes: Sequence[Outcome], *, whole: bool = False) -> None:
        written = [outcome.written for outcome in outcomes if outcome.written is not None]
        place = (self._files.table, self._files.schema, written, self._run_id, self._next, self._files.indexed)
        append_files(*place, whole=whole)
        self._next += 1

    def _refuse_others(self) -> None:
        """Rows are known by their keys: those left out have to be those that are committed."""
        if self.merged.dropped == self.committed:
            return
        self._doubted()  # a key that two rows share is why, mostly
        raise RunFailed(
            f"{self.committed.rows:,} rows were committed before the run was stopped, of which "
            f"{self.merged.dropped.rows:,} were read again, or rows of other keys: the traffic is not the same each "
            "time that it is read; use --overwrite to start afresh"
        )


def _in_flight(waves: Sequence[range], slots: int) -> int:
    """Waves to work on at once: those that keep all slots busy, and the next one."""
    largest = max(map(len, waves), default=1)
    return max(_IN_FLIGHT, 1 + math.ceil(slots / largest))


def _in_order(
    submit: Callable[..., Future[list[Outcome]]],
    score: Callable[[range], list[Outcome]],
    waves: Iterable[range],
    in_flight: int,
) -> Iterator[tuple[range, list[Outcome]]]:
    """Work on a few waves at once, and give what each answered in their order."""
    ahead: list[tuple[range, Future[list[Outcome]]]] = []
    for wave in waves:
        ahead.append((wave, submit(score, wave)))
        if len(ahead) == in_flight:
            first, answer = ahead.pop(0)
            yield first, answer.result()
    for wave, answer in ahead:
        yield wave, answer.result()
