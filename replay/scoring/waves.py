"""Scoring in waves: a wave is a group of splits that commits once, so that a killed run loses one wave at most."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from replay.scoring.job import ScoreJob, new_totals, score_dataframe, score_splits
from replay.store import append_wave, last_wave
from replay.traffic import Split, SplitPlan

if TYPE_CHECKING:
    from pyspark import Accumulator
    from pyspark.sql import DataFrame, SparkSession

_POLL_SECONDS = 0.5


class ProgressListener(Protocol):
    """Listens to how far the work is."""

    def stage(self, name: str, total_rows: int | None = None) -> None:
        """A stage of the work starts."""

    def update(self, done_rows: int) -> None:
        """So many rows of the stage are done."""


def plan_waves(splits: Sequence[Split], rows: int) -> list[tuple[Split, ...]]:
    """Group splits, in order, into waves of at least ``rows`` rows (the last may be smaller)."""
    waves: list[tuple[Split, ...]] = []
    wave: list[Split] = []
    for split in splits:
        wave.append(split)
        if sum(entry.num_rows for entry in wave) >= rows:
            waves.append(tuple(wave))
            wave = []
    return [*waves, tuple(wave)] if wave else waves


def score_in_waves(
    spark: SparkSession,
    job: ScoreJob,
    scan: Callable[[], DataFrame],
    plan: SplitPlan,
    path: str,
    run_id: str,
    commit_rows: int,
    total_rows: int,
    progress: ProgressListener,
) -> dict[str, float]:
    """Score the whole plan into a Delta table, going on after the last wave that is committed.

    Args:
        spark: The session.
        job: What tasks do.
        scan: Gives the rows where Spark reads them.
        plan: How tasks get their rows.
        path: Of the scores table.
        run_id: Whose commits count.
        commit_rows: Rows of a commit, at least.
        total_rows: Rows in all, for the progress.
        progress: Listens to how far the work is.

    Returns:
        What tasks measured, added up: seconds (``read``, ``encode``, ``score``), and counts of rows by what happened
        to them under a scenario. Of a run that goes on after a kill, only since then.
    """
    totals = new_totals(spark)
    done = last_wave(spark, path, run_id) + 1
    indexed = len(job.work.schema()) - len(job.work.variants)
    progress.stage("scoring", total_rows)
    if not plan.splits:
        if done == 0:
            with _reporting(totals, progress, 0):
                append_wave(score_dataframe(scan(), job, totals), path, run_id, 0, indexed)
    else:
        waves = plan_waves(plan.splits, commit_rows)
        skipped = sum(split.num_rows for wave in waves[:done] for split in wave)
        with _reporting(totals, progress, skipped):
            for number, wave in list(enumerate(waves))[done:]:
                append_wave(score_splits(spark, job, plan, wave, totals), path, run_id, number, indexed)
    return {name: seconds for name, seconds in totals.value.items() if name != "rows"}


@contextmanager
def _reporting(totals: Accumulator[dict[str, float]], progress: ProgressListener, skipped: int) -> Iterator[None]:
    """Tell the progress how many rows finished tasks have scored, while Spark works."""
    stop = threading.Event()

    def poll() -> None:
        while not stop.wait(_POLL_SECONDS):
            progress.update(skipped + int(totals.value.get("rows", 0)))

    thread = threading.Thread(target=poll, name="replay-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    progress.update(skipped + int(totals.value.get("rows", 0)))
