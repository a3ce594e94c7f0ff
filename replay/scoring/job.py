"""The scoring job: the pure core under Spark's ``mapInArrow``.

Two readers feed the same core. `direct`: a task is given splits and reads its own row groups with pyarrow, so a row
crosses into Python once. `spark`: Spark scans, and rows cross from the JVM in Arrow batches.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import torch

from replay.checkpoints import Checkpoint, Scorer, at_hand, cached_scorer, settle_worker
from replay.config import EngineConfig, ModelConfig
from replay.errors import ReplayError
from replay.errors.secrets import take_secrets_out
from replay.scoring.core import Stopwatch, Work
from replay.scoring.device import choose_device
from replay.scoring.local import make_batch_scorer, scoring_plan
from replay.scoring.shipping import ship
from replay.scoring.sources import Sources, find_sources, refuse_other_sources
from replay.spark.access import gives_jvm
from replay.spark.faststart.warmup import warm_up_workers
from replay.spark.tasks.arrow_mapping import map_batches
from replay.spark.tasks.shared import DriverTotals, Totals
from replay.spark.types import spark_struct
from replay.traffic import Split, SplitPlan, map_splits

if TYPE_CHECKING:
    from pyspark import AccumulatorParam
    from pyspark.sql import DataFrame, SparkSession

    _Adds = AccumulatorParam[dict[str, float]]
else:
    _Adds = object  # Spark asks for the two methods alone, and scoring a pandas frame needs no Spark

BATCH_ROWS = 16_384
"""Rows that a task holds at once; each is encoded whole, then scored in chunks."""


@dataclass(frozen=True)
class ScoreJob:
    """All that a worker needs to score, small enough to travel with every task.

    Attributes:
        work: What is scored.
        checkpoints: By name; a worker opens each once and keeps it.
        engine: Device and chunk sizes.
        sources: What else scores depend on, as the driver has it.
    """

    work: Work
    checkpoints: dict[str, Checkpoint]
    engine: EngineConfig
    sources: Sources = field(default_factory=dict)


class _Totals(_Adds):
    """Adds up the seconds and rows of finished tasks."""

    def zero(self, value: dict[str, float]) -> dict[str, float]:
        return {}

    def addInPlace(self, value1: dict[str, float], value2: dict[str, float]) -> dict[str, float]:  # noqa: N802
        for name, amount in value2.items():
            value1[name] = value1.get(name, 0.0) + amount
        return value1


def new_totals(spark: SparkSession) -> Totals:
    """Make the totals of a job: seconds by stage over all tasks, and ``rows``."""
    return spark.sparkContext.accumulator({}, _Totals()) if gives_jvm(spark) else DriverTotals()


def score_splits(
    spark: SparkSession, job: ScoreJob, plan: SplitPlan, splits: Sequence[Split], totals: Totals
) -> DataFrame:
    """Score splits that tasks read themselves: one task a split.

    Returns:
        The scores, lazily: nothing runs before an action.
    """
    shipped = ship(spark, job, job.work, job.checkpoints)

    def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return score_partition(shipped.value, batches, totals.add)

    return map_splits(spark, scoring_plan(plan, job.work), splits, score, spark_struct(job.work.schema()), BATCH_ROWS)


def score_dataframe(dataframe: DataFrame, job: ScoreJob, totals: Totals) -> DataFrame:
    """Score rows that Spark scans.

    Args:
        dataframe: The columns that the job needs, and no others: whole rows cross into Python.
        job: What to score.
        totals: Where tasks add up their seconds and rows.
    """
    shipped = ship(dataframe.sparkSession, job, job.work, job.checkpoints)

    def score(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return score_partition(shipped.value, batches, totals.add)

    return map_batches(dataframe, score, spark_struct(job.work.schema()))


def score_partition(
    job: ScoreJob, batches: Iterable[pa.RecordBatch], report: Callable[[dict[str, float]], None]
) -> Iterator[pa.RecordBatch]:
    """Score one task's batches; what a worker runs.

    The scorer is built for the first batch, whose schema the two readers may deliver differently (a time zone, a
    dictionary), and is kept for the rest.

    Raises:
        RunFailed: This process has other code of the user's, or another vocabulary, than the driver.
    """
    try:
        yield from _score_partition(job, batches, report)
    except Exception as error:
        take_secrets_out(error)  # Spark logs what ends a task, with all that is behind it
        raise


def _score_partition(
    job: ScoreJob, batches: Iterable[pa.RecordBatch], report: Callable[[dict[str, float]], None]
) -> Iterator[pa.RecordBatch]:
    torch.set_num_threads(1)  # one thread per task slot: tasks already fill the cores
    device = choose_device(job.engine.device, *_placement())
    stopwatch = Stopwatch()
    rows = 0
    counted: dict[str, float] = {}
    source = iter(batches)
    first = next(stopwatch.timed("read", source), None)
    if first is not None:
        scorers = open_scorers(job.checkpoints, job.work.called, device)
        scorer = make_batch_scorer(job.work, first.schema, scorers, job.engine, device)
        refuse_other_sources(job.sources, find_sources(job.work, job.checkpoints))
        for scores in scorer.run(_chain(first, source), stopwatch):
            rows += scores.num_rows
            handed_over = time.perf_counter()
            yield scores
            stopwatch.seconds["write"] += time.perf_counter() - handed_over
        counted = scorer.perturbed.counted()
    report({**stopwatch.seconds, **counted, "rows": rows})


def open_scorers(checkpoints: Mapping[str, Checkpoint], model: ModelConfig, device: str) -> dict[str, Scorer]:
    """Open every checkpoint in a worker, or take those that it has open."""
    keep = len(checkpoints)
    scorers: dict[str, Scorer] = {
        name: cached_scorer(at_hand(each), model, device, keep=keep) for name, each in checkpoints.items()
    }
    settle_worker()
    return scorers


def warm_up(
    spark: SparkSession, checkpoints: Mapping[str, Checkpoint], model: ModelConfig, engine: EngineConfig
) -> threading.Thread:
    """Start this machine's Python workers in the background, each with every checkpoint open.

    A worker that cannot open a checkpoint stays silent: the preflight opens it too, and says what is wrong.

    Returns:
        The thread that waits for them.
    """
    wanted = dict(checkpoints)

    def open_models() -> None:
        with contextlib.suppress(ReplayError, OSError, RuntimeError):
            # Which GPU a worker gets is decided with its first task of real work.
            if choose_device(engine.device) == "cpu":
                open_scorers(wanted, model, "cpu")

    return warm_up_workers(spark, open_models)


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _placement() -> tuple[tuple[str, ...], int]:
    """GPUs that Spark gave this task, and the task's partition."""
    from pyspark import TaskContext

    context = TaskContext.get()
    if context is None:
        return (), 0
    gpus = context.resources().get("gpu")
    return tuple(gpus.addresses) if gpus is not None else (), context.partitionId()
