"""Workers that are ready before there is anything to do: they start while the driver prepares."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from replay.spark.access import gives_jvm
from replay.spark.faststart import is_on
from replay.spark.guest import active

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def warm_up_workers(spark: SparkSession, make_ready: Callable[[], None]) -> threading.Thread:
    """Start this machine's Python workers in the background.

    Args:
        spark: The session; with a master elsewhere nothing is done, as its executors come and go, nor in one that
            gives no JVM.
        make_ready: What each does; must not raise for what the run itself will meet and explain.

    Returns:
        The thread that waits for them.
    """
    local = is_on() and gives_jvm(spark) and (spark.sparkContext.master or "").startswith("local")
    tasks = spark.sparkContext.defaultParallelism if local else 0

    def ready(_: int) -> None:
        make_ready()

    def run() -> None:
        # Whatever happens here (the session may end meanwhile), the run itself will meet and explain. The tasks are an
        # RDD's: Spark has nothing to plan for them, and their workers serve SQL as well.
        with contextlib.suppress(Exception), active(spark):
            spark.sparkContext.parallelize(range(tasks), tasks).foreach(ready)

    thread = threading.Thread(target=run if tasks else lambda: None, name="replay-warm-up", daemon=True)
    thread.start()
    return thread
