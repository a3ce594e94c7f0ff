"""The Delta tables of a run, whoever writes them: this process and its tasks, or Spark where these do not reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from replay.errors import RunFailed
from replay.files.places import local_path
from replay.spark import hadoop
from replay.spark.delta.memory import forget_log
from replay.spark.delta.versions import reading_refusal
from replay.spark.file_systems import spark_url
from replay.spark.guest import arrow_dataframe
from replay.spark.tasks.probe import reaching_problem
from replay.store import commits, spark_tables
from replay.store.arrow_tables import read_arrow_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def writing_problem(spark: SparkSession, path: str) -> str | None:
    """Why a table's files are not written by tasks and committed by this process, but by Spark; None where they are.

    Args:
        spark: Whose Hadoop says where a path without a scheme lies, and whose tasks write.
        path: Of the table.
    """
    if local_path(path) is not None and hadoop.local_path(spark, path) is None:
        return "Hadoop's default file system is not this machine's"
    return commits.committing_problem(path) or reaching_problem(spark, path)


def is_direct(spark: SparkSession, path: str) -> bool:
    """Whether a table's files are written by tasks and committed by this process: see :func:`writing_problem`."""
    return writing_problem(spark, path) is None


def spark_location(spark: SparkSession, path: str) -> str:
    """What Spark calls a table that only it can write.

    Raises:
        RunFailed: It has no file system for it either.
    """
    try:
        return spark_url(spark, path)
    except RunFailed as error:
        raise RunFailed(f"{error} (tasks do not write there: {writing_problem(spark, path)})") from error


def last_wave(spark: SparkSession, path: str, run_id: str) -> int:
    """Number of the last wave that a run has committed to a table, or -1."""
    if is_direct(spark, path):
        return commits.last_wave(path, run_id)
    return spark_tables.last_appended_wave(spark, spark_location(spark, path), run_id)


def foreign_commits(spark: SparkSession, path: str, run_id: str) -> list[str]:
    """Run ids, other than the given one, that have written to a table; anything here means two runs were mixed."""
    if is_direct(spark, path):
        return commits.foreign_commits(path, run_id)
    return spark_tables.other_writers(spark, spark_location(spark, path), run_id)


def replace_table(spark: SparkSession, table: pa.Table, path: str, run_id: str) -> None:
    """Write a table whole, in one commit that replaces what was there.

    Args:
        spark: Writes it, where :func:`writing_problem` says why, and reads it anew.
        table: All rows.
        path: Of the table.
        run_id: Whose commit it is.
    """
    if is_direct(spark, path):
        commits.replace_rows(table, path, run_id)
        forget_log(spark, path)
    else:
        spark_tables.overwrite(arrow_dataframe(spark, table), spark_location(spark, path), run_id)


def append_rows(spark: SparkSession, table: pa.Table, path: str, run_id: str) -> None:
    """Add a run's rows to a table that keeps those of other runs; those that it has of the same run are replaced.

    Args:
        spark: See :func:`replace_table`.
        table: The rows, with a column ``run_id``.
        path: Of the table.
        run_id: Whose rows they are.
    """
    kept = _rows_of_others(spark, path, run_id)
    if kept is not None:
        table = pa.concat_tables([kept.select(table.schema.names).cast(table.schema), table])
    replace_table(spark, table, path, run_id)


def _rows_of_others(spark: SparkSession, path: str, run_id: str) -> pa.Table | None:
    """The rows of a table that are of other runs; None where there is no such table."""
    if is_direct(spark, path):
        found = read_arrow_table(path)
    else:
        location = spark_location(spark, path)
        found = None if reading_refusal(spark, location) is not None else read_table(spark, path).toArrow()
    return None if found is None else found.filter(pc.not_equal(found.column("run_id"), run_id))


def read_table(spark: SparkSession, path: str) -> DataFrame:
    """Read a table that a run left.

    Raises:
        RunFailed: There is no Delta table at the path, or Spark has no file system for it.
    """
    path = spark_url(spark, path)
    refusal = reading_refusal(spark, path)
    if refusal is not None:
        raise RunFailed(f"there is no Delta table at {path} ({refusal}): has the run that writes it finished?")
    return spark.read.format("delta").load(path)
