"""Scoring where Spark alone can write: scores cross into the JVM, which writes them into the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from replay.scoring.job import ScoreJob, new_totals, score_dataframe, score_splits
from replay.scoring.table.listening import ProgressListener, reporting
from replay.scoring.table.waves import plan_waves
from replay.store import append_wave, last_wave
from replay.traffic import SplitPlan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def score_through_spark(
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
    """Score as :func:`replay.scoring.table.waves.score_to_files` does, through the JVM.

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
        See :attr:`replay.scoring.table.merged.Scored.totals`.
    """
    totals = new_totals(spark)
    done = last_wave(spark, path, run_id) + 1
    indexed = len(job.work.schema()) - len(job.work.variants)
    progress.stage("scoring", total_rows)
    if not plan.splits:
        if done == 0:
            with reporting(totals, progress, 0):
                append_wave(score_dataframe(scan(), job, totals), path, run_id, 0, indexed)
    else:
        waves = [plan.splits[wave.start : wave.stop] for wave in plan_waves(plan.splits, commit_rows)]
        skipped = sum(split.num_rows for wave in waves[:done] for split in wave)
        with reporting(totals, progress, skipped):
            for number, wave in list(enumerate(waves))[done:]:
                append_wave(score_splits(spark, job, plan, wave, totals), path, run_id, number, indexed)
    return {name: seconds for name, seconds in totals.value.items() if name != "rows"}
