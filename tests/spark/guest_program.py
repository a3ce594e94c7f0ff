"""A user's program of its own: a Spark context alone, then its session; prints what Replay changed of them, as JSON.

Run by ``test_guest_program.py``: ``python -m tests.spark.guest_program CONFIG JARS JAVA_OPTIONS``.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import ensure_callback_server_started
from pyspark.sql import SparkSession

import replay
from replay.flows.finished.judge import judge_output
from replay.flows.options import Options
from tests.flows.case import config_data
from tests.spark.guest_state import differences, snapshot, snapshot_of_context

SETTINGS = {
    "spark.master": "local[1]",
    "spark.app.name": "theirs",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "America/Los_Angeles",
    "spark.sql.shuffle.partitions": "7",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50",
    "spark.hadoop.fs.custom.secret": "kept",
}


class Listener:
    """A user's listener to queries."""

    def onSuccess(self, name: str, query: Any, nanoseconds: int) -> None:  # noqa: N802
        """Hear of a query that succeeded."""

    def onFailure(self, name: str, query: Any, error: Any) -> None:  # noqa: N802
        """Hear of a query that failed."""

    class Java:
        """What py4j looks for."""

        implements = ("org.apache.spark.sql.util.QueryExecutionListener",)


def main(config: str, jars: str, java_options: str) -> None:
    """Replay over the context, score in the session, and print what has changed."""
    settings = {**SETTINGS, "spark.driver.extraClassPath": jars, "spark.driver.extraJavaOptions": java_options}
    context = SparkContext(conf=SparkConf().setAll(list(settings.items())))
    context.setLocalProperty("spark.scheduler.pool", "theirs")
    found: dict[str, Any] = {}

    before = snapshot_of_context(context)
    result = replay.run(config, output="out")
    found["context alone"] = differences(before, snapshot_of_context(context))

    # What a user's own first session over this context is, and has.
    session = SparkSession.builder.getOrCreate()
    found["settings"] = {key: session.conf.get(key, None) for key in settings}
    found["same session"] = result.scores.sparkSession is session
    session.range(3).createOrReplaceTempView("mine")
    session.sql("SELECT * FROM mine").cache().count()
    ensure_callback_server_started(context._gateway)  # type: ignore[no-untyped-call]
    session._jsparkSession.listenerManager().register(Listener())
    here = snapshot(session)
    # The session was made in another thread than the one that scores, in which none is active.
    thread = threading.Thread(target=lambda: found.update(score_elsewhere(session, Path(config).parent, result)))
    thread.start()
    thread.join()
    found["first thread"] = differences(here, snapshot(session))
    found["scores"] = result.scores.count()
    sys.stdout.write(json.dumps(found))


def score_elsewhere(session: SparkSession, case: Path, result: replay.RunResult) -> dict[str, Any]:
    """Score what was logged, and look at what a run has left; returns what has changed in this thread."""
    logged = session.read.parquet(str(case / "traffic"))
    before = snapshot(session)
    scored = replay.score(logged, str(case / "prod.pt2"), config_data()["model"])
    rows = scored.where("score IS NOT NULL").count()
    judge_output(result.output, Options())
    same = result.scores.sparkSession is scored.sparkSession is session
    return {"another thread": differences(before, snapshot(session)), "scored": rows, "same session there": same}


if __name__ == "__main__":
    main(*sys.argv[1:])
