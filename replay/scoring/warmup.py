"""Workers that have the models open before there is anything to score: they start while the driver prepares."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.checkpoints import Checkpoint
from replay.config import EngineConfig, ModelConfig
from replay.errors import ReplayError
from replay.scoring.device import choose_device
from replay.scoring.job import open_scorers
from replay.spark.guest import active

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def warm_up(
    spark: SparkSession, checkpoints: Mapping[str, Checkpoint], model: ModelConfig, engine: EngineConfig
) -> threading.Thread:
    """Start this machine's Python workers in the background, each with every checkpoint open.

    A worker that cannot open a checkpoint stays silent: the preflight opens it too, and says what is wrong.

    Args:
        spark: The session; with a master elsewhere nothing is done, as its executors come and go.
        checkpoints: As examined, by name.
        model: The model's contract.
        engine: Chooses the device.

    Returns:
        The thread that waits for them.
    """
    wanted = dict(checkpoints)
    context = spark.sparkContext
    tasks = context.defaultParallelism if (context.master or "").startswith("local") else 0

    def open_models(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with contextlib.suppress(ReplayError, OSError, RuntimeError):
            # Which GPU a worker gets is decided with its first task of real work.
            if choose_device(engine.device, (), 0) == "cpu":
                open_scorers(wanted, model, "cpu")
        yield from batches

    def wake(_: int) -> None:
        pass

    def run() -> None:
        # Whatever happens here (the session may end meanwhile), the run itself will meet and explain.
        with contextlib.suppress(Exception), active(spark):
            # The daemon that workers are forked from imports torch first. One slot waits for that, and an RDD's task,
            # which Spark has nothing to plan for, gets there soonest.
            context.parallelize([0], 1).foreach(wake)
            opened = spark.range(0, tasks, 1, tasks).mapInArrow(open_models, "id long")
            opened.write.format("noop").mode("overwrite").save()

    thread = threading.Thread(target=run if tasks else lambda: None, name="replay-warm-up", daemon=True)
    thread.start()
    return thread
