"""Delta tables of a run that only Spark can write: appended in waves that each commit once, replaced whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.spark.delta.versions import commit_metadata, is_table, num_appends

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NOT_IN_FILES = frozenset(" ,;{}()\n\t=")


def append_wave(scores: DataFrame, path: str, run_id: str, wave: int, indexed: int) -> None:
    """Append one wave of scores, once: a repeat of a committed wave changes nothing.

    Delta skips a transaction whose (``txnAppId``, ``txnVersion``) it has seen, silently and even if the data differs;
    so the id is the run's, which stands for config, checkpoints and pinned traffic, and the commits are read back.

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
        .options(**_naming(scores))
        .option("txnAppId", run_id)
        .option("txnVersion", str(wave))
        .option("userMetadata", run_id)
        .option("delta.dataSkippingNumIndexedCols", str(indexed))
        .save(path)
    )


def _naming(dataframe: DataFrame) -> dict[str, str]:
    """What lets Delta take names of columns that Parquet's files may not have, such as those with a space."""
    odd = any(_NOT_IN_FILES.intersection(name) for name in dataframe.columns)
    return {"delta.columnMapping.mode": "name"} if odd else {}


def last_appended_wave(spark: SparkSession, path: str, run_id: str) -> int:
    """Number of the last wave that a run has committed to a table, or -1: each wave is one commit, in order."""
    return num_appends(spark, path, run_id) - 1 if is_table(spark, path) else -1


def other_writers(spark: SparkSession, path: str, run_id: str) -> list[str]:
    """Run ids, other than the given one, that have written to a table."""
    return sorted(found or "unnamed" for found in commit_metadata(spark, path) if found != run_id)


def overwrite(dataframe: DataFrame, path: str, run_id: str) -> None:
    """Write a table whole, in one commit that replaces what was there."""
    (
        dataframe.coalesce(1)
        .write.format("delta")
        .mode("overwrite")
        .options(**_naming(dataframe))
        .option("overwriteSchema", "true")
        .option("userMetadata", run_id)
        .save(path)
    )
