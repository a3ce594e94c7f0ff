"""The Delta tables of a run: appended in waves that each commit once, replaced whole, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replay.errors import RunFailed
from replay.spark.sql import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def append_wave(scores: DataFrame, path: str, run_id: str, wave: int, indexed: int) -> None:
    """Append one wave of scores, once: a repeat of a committed wave changes nothing.

    Delta skips a transaction whose (``txnAppId``, ``txnVersion``) it has seen, silently and even if the data differs;
    so the id is the run's, which stands for config, checkpoints and pinned traffic, and `foreign_commits` reads the
    commits back.

    Args:
        scores: The rows.
        path: Of the table; the first wave makes it.
        run_id: Whose commit it is.
        wave: Number of the wave.
        indexed: Columns, from the first, of which Delta keeps the range in each file. Nobody looks scores up by
            it, and to compute it costs about as much as to write them.
    """
    (
        scores.write.format("delta")
        .mode("append")
        .option("txnAppId", run_id)
        .option("txnVersion", str(wave))
        .option("userMetadata", run_id)
        .option("delta.dataSkippingNumIndexedCols", str(indexed))
        .save(path)
    )


def last_wave(spark: SparkSession, path: str, run_id: str) -> int:
    """Number of the last wave that a run has committed to a table, or -1."""
    snapshot = _snapshot(spark, path)
    if snapshot is None:
        return -1
    transactions = snapshot.setTransactions()
    waves = [
        int(transactions.apply(index).version())
        for index in range(transactions.size())
        if transactions.apply(index).appId() == run_id
    ]
    return max(waves, default=-1)


def foreign_commits(spark: SparkSession, path: str, run_id: str) -> list[str]:
    """Run ids, other than the given one, that have written to a table; anything here means two runs were mixed."""
    history = spark.sql(f"DESCRIBE HISTORY delta.{quoted(path)}").select("userMetadata").distinct().collect()
    return sorted(str(row["userMetadata"] or "unnamed") for row in history if row["userMetadata"] != run_id)


def forget_table(spark: SparkSession, path: str) -> None:
    """Make the session look a table up anew, whose directory was deleted: it keeps what it knew of it otherwise."""
    jvm: Any = spark._jvm
    jvm.org.apache.spark.sql.delta.DeltaLog.invalidateCache(spark._jsparkSession, jvm.org.apache.hadoop.fs.Path(path))


def replace_table(dataframe: DataFrame, path: str, run_id: str) -> None:
    """Write a table whole, in one commit that replaces what was there."""
    (
        dataframe.coalesce(1)
        .write.format("delta")
        .mode("overwrite")
        .option("overwriteSchema", "true")
        .option("userMetadata", run_id)
        .save(path)
    )


def read_table(spark: SparkSession, path: str) -> DataFrame:
    """Read a table that a run left.

    Raises:
        RunFailed: There is no Delta table at the path.
    """
    if _snapshot(spark, path) is None:
        raise RunFailed(f"there is no Delta table at {path}: has the run that writes it finished?")
    return spark.read.format("delta").load(path)


def _snapshot(spark: SparkSession, path: str) -> Any | None:
    """The newest snapshot of the Delta table at a path, or None where there is none yet."""
    jvm: Any = spark._jvm
    snapshot = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path).unsafeVolatileSnapshot()
    return snapshot if snapshot.version() >= 0 else None
