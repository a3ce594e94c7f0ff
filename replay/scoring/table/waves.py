"""Scoring in waves: a wave is a group of tasks whose files are committed together, so that a killed run loses few."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.diff.first_pass import FirstPass
from replay.scoring.job import BATCH_ROWS, ScoreJob, new_totals, score_partition
from replay.scoring.table.listening import ProgressListener, reporting
from replay.scoring.table.outcome import FilePlan, Outcome, recount, write_outcome
from replay.spark.guest import session_pool
from replay.spark.tasks.arrow_mapping import map_batches
from replay.spark.tasks.run import run_tasks
from replay.store import LiveFile, append_files, last_wave, live_files
from replay.traffic import KeyFingerprint, Split, SplitPlan, merge_fingerprints, read_split
from replay.traffic.key_digests import digest_ranges, has_repeats

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.sql import DataFrame, SparkSession

_IN_FLIGHT = 2
"""Waves that are worked on at once: the slots that one leaves idle as it ends are the next one's."""
_SCHEMA = "outcome binary"


@dataclass(frozen=True)
class Scored:
    """A scores table that tasks have written.

    Attributes:
        files: All of the table's.
        keys: Fingerprint of all rows' keys.
        keys_in_doubt: A key is null, or two share a digest.
        times: Earliest and latest event time, microseconds since 1970; None where no row has one.
        first: The first pass of the diff; None where its tolerance was not known.
        totals: What tasks measured, added up: seconds (``read``, ``encode``, ``score``), and counts of rows by what
            happened to them under a scenario. Of a run that goes on after a kill, only since then.
    """

    files: tuple[LiveFile, ...]
    keys: KeyFingerprint
    keys_in_doubt: bool
    times: tuple[int, int] | None
    first: FirstPass | None
    totals: dict[str, float]


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

    Args:
        spark: The session.
        job: What tasks do.
        scan: Gives the rows where Spark reads them.
        plan: How tasks get their rows.
        files: Where tasks write, and what they count.
        run_id: Whose commits count.
        commit_rows: Rows of a commit, at least.
        total_rows: Rows in all, about, for the progress.
        progress: Listens to how far the work is.
        doubted: Called as soon as a key is null, or two of one task share a digest; what it raises ends the work.

    Raises:
        RunFailed: Somebody else writes to the table.
    """
    progress.stage("scoring", total_rows)
    done = last_wave(spark, files.table, run_id) + 1
    merged = _Merged()
    tasks = _Tasks(spark, job, plan, files)
    if done:
        merged.add(tasks.recount(live_files(files.table)))
    with reporting(tasks.reported, progress, merged.keys.rows):
        if plan.splits:
            waves = list(enumerate(plan_waves(plan.splits, commit_rows)))[done:]
            with session_pool(spark, _IN_FLIGHT) as pool:
                for number, outcomes in _in_order(pool.submit, tasks.score, waves):
                    merged.add(outcomes)
                    if merged.doubtful:
                        doubted()
                    _commit(files, outcomes, run_id, number)
        elif not done:
            outcomes = tasks.score_scanned(scan())
            merged.add(outcomes)
            _commit(files, outcomes, run_id, 0)
    return merged.scored(tasks.find_repeats)


class _Tasks:
    """Spark's tasks of one run: each answers with an :class:`Outcome`, in order.

    Args:
        spark: The session.
        job: What they do.
        plan: How they get their rows.
        files: Where they write.
    """

    def __init__(self, spark: SparkSession, job: ScoreJob, plan: SplitPlan, files: FilePlan) -> None:
        self._spark = spark
        given = (job, plan, files)
        self._shipped: Broadcast[tuple[ScoreJob, SplitPlan, FilePlan]] = spark.sparkContext.broadcast(given)
        self.reported = new_totals(spark)

    def score(self, wave: range) -> list[Outcome]:
        """Score splits, a task each."""
        shipped, report = self._shipped, self.reported.add

        def work(number: int) -> Outcome:
            job, plan, files = shipped.value
            rows = files.kept(number, read_split(plan.splits[number], plan, BATCH_ROWS))
            return _score(job, files, number, rows, report)

        return run_tasks(self._spark, wave, work)

    def score_scanned(self, dataframe: DataFrame) -> list[Outcome]:
        """Score what Spark scans, a task for each of its partitions."""
        from pyspark import TaskContext

        shipped, report = self._shipped, self.reported.add

        def work(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            job, _, files = shipped.value
            context = TaskContext.get()
            number = 0 if context is None else context.partitionId()
            answer = pickle.dumps(_score(job, files, number, rows, report), protocol=pickle.HIGHEST_PROTOCOL)
            yield pa.RecordBatch.from_arrays([pa.array([answer], pa.binary())], names=["outcome"])

        # What the tasks of this very program answered; never bytes of another origin.
        return [pickle.loads(bytes(row[0])) for row in map_batches(dataframe, work, _SCHEMA).collect()]

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


class _Merged:
    """What all tasks answered, put together in the order of the table's rows, so that sums have the same last bits."""

    def __init__(self) -> None:
        self.keys = KeyFingerprint(0, 0, 0)
        self._first: FirstPass | None = None
        self.doubtful = False
        self._outcomes: list[Outcome] = []
        self._totals: dict[str, float] = {}

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            packed = outcome.tallied.diff
            self.keys = merge_fingerprints([self.keys, outcome.tallied.keys])
            self.doubtful |= outcome.tallied.null_keys > 0 or outcome.tallied.repeated
            if packed is not None:
                found = FirstPass.from_bytes(packed)
                self._first = found if self._first is None else self._first.merge(found)
            for name, amount in outcome.totals.items():
                self._totals[name] = self._totals.get(name, 0.0) + amount
            self._outcomes.append(replace(outcome, tallied=replace(outcome.tallied, diff=None)))

    def scored(self, find_repeats: Callable[[Sequence[str], int], bool]) -> Scored:
        tallied = [outcome.tallied for outcome in self._outcomes]
        return Scored(
            files=tuple(outcome.live for outcome in self._outcomes if outcome.live is not None),
            keys=self.keys,
            keys_in_doubt=self.doubtful or find_repeats([each.digests for each in self._outcomes], self.keys.rows),
            times=_span([entry.times for entry in tallied if entry.times is not None]),
            first=self._first,
            totals=self._totals,
        )


def _span(times: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    return (min(first for first, _ in times), max(last for _, last in times)) if times else None


def _score(
    job: ScoreJob,
    files: FilePlan,
    number: int,
    rows: Iterable[pa.RecordBatch],
    report: Callable[[dict[str, float]], None],
) -> Outcome:
    totals: dict[str, float] = {}
    outcome = write_outcome(files, number, score_partition(job, rows, totals.update), totals)
    report({"rows": totals.pop("rows", 0)})
    return outcome


def _commit(files: FilePlan, outcomes: Sequence[Outcome], run_id: str, wave: int) -> None:
    written = [outcome.written for outcome in outcomes if outcome.written is not None]
    append_files(files.table, files.schema, written, run_id, wave, files.indexed)


def _in_order(
    submit: Callable[..., Future[list[Outcome]]],
    score: Callable[[range], list[Outcome]],
    waves: Sequence[tuple[int, range]],
) -> Iterator[tuple[int, list[Outcome]]]:
    """Work on a few waves at once, and give what each answered in their order."""
    ahead: list[tuple[int, Future[list[Outcome]]]] = []
    for number, wave in waves:
        ahead.append((number, submit(score, wave)))
        if len(ahead) == _IN_FLIGHT:
            first, answer = ahead.pop(0)
            yield first, answer.result()
    for number, answer in ahead:
        yield number, answer.result()
