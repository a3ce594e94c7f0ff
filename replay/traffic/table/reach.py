"""Whether tasks reach the files of a table, and what is said where nothing does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from replay.errors import TrafficError
from replay.files.reasons import plain_reason
from replay.spark.hadoop import has_scheme, local_path
from replay.spark.tasks.probe import reaching_problem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def reading_problem(spark: SparkSession, path: str) -> str | None:
    """Why tasks cannot read the files under a path themselves; None where they can.

    Args:
        spark: The session, which says where a path without a scheme lies.
        path: A path, or a URL.
    """
    if has_scheme(path):
        return reaching_problem(spark, path)
    return None if local_path(spark, path) is not None else "Hadoop's default file system is not this machine's"


@contextmanager
def store_errors(path: str) -> Iterator[None]:
    """Turn what a store says into a :class:`TrafficError`.

    Args:
        path: The table's.

    Raises:
        TrafficError: The store refuses, or is not reached.
    """
    try:
        yield
    except OSError as error:
        raise TrafficError(f"{path}: cannot be read: {plain_reason(path, error)}") from error
