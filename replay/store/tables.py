"""The Delta tables of a run, whoever writes them: this process and its tasks, or Spark where these do not reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from replay.errors import RunFailed
from replay.spark import hadoop
from replay.spark.delta import forget_log, is_table
from replay.spark.guest import arrow_dataframe
from replay.store import commits, spark_tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def is_direct(spark: SparkSession, path: str) -> bool:
    """Whether a table's files are written and committed without Spark: it lies on a disk of this machine's.

    Args:
        spark: Whose Hadoop says where a path without a scheme lies.
        path: Of the table.
    """
    return commits.can_commit(path) and hadoop.local_path(spark, path) is not None


def last_wave(spark: SparkSession, path: str, run_id: str) -> int:
    """Number of the last wave that a run has committed to a table, or -1."""
    if is_direct(spark, path):
        return commits.last_wave(path, run_id)
    return spark_tables.last_appended_wave(spark, path, run_id)


def foreign_commits(spark: SparkSession, path: str, run_id: str) -> list[str]:
    """Run ids, other than the given one, that have written to a table; anything here means two runs were mixed."""
    if is_direct(spark, path):
        return commits.foreign_commits(path, run_id)
    return spark_tables.other_writers(spark, path, run_id)


def replace_table(spark: SparkSession, table: pa.Table, path: str, run_id: str) -> None:
    """Write a table whole, in one commit that replaces what was there.

    Args:
        spark: Writes it, where the path is not on this machine, and reads it anew.
        table: All rows.
        path: Of the table.
        run_id: Whose commit it is.
    """
    if is_direct(spark, path):
        commits.replace_rows(table, path, run_id)
        forget_log(spark, path)
    else:
        spark_tables.overwrite(arrow_dataframe(spark, table), path, run_id)


def read_table(spark: SparkSession, path: str) -> DataFrame:
    """Read a table that a run left.

    Raises:
        RunFailed: There is no Delta table at the path.
    """
    if not is_table(spark, path):
        raise RunFailed(f"there is no Delta table at {path}: has the run that writes it finished?")
    return spark.read.format("delta").load(path)
