"""Tasks that answer with something small: Spark carries them, and no row of a table.

They are an RDD's, for which Spark has nothing to plan and of whose classes the JVM has loaded most: a job costs some
10 ms, where the first query of SQL takes seconds of a core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

T = TypeVar("T")


def run_tasks(spark: SparkSession, places: range, work: Callable[[int], T]) -> list[T]:
    """Do something for each place, a task each.

    Args:
        spark: The session.
        places: What there is to do.
        work: What a task does with its place; what it needs besides comes with it.

    Returns:
        The answers, in order.
    """
    return spark.sparkContext.parallelize(places, max(1, len(places))).map(work).collect()
