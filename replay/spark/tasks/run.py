"""Tasks that answer with something small: Spark carries them, and no row of a table.

They are an RDD's, for which Spark has nothing to plan and of whose classes the JVM has loaded most: a job costs some
10 ms, where the first query of SQL takes seconds of a core. A session that gives no JVM has no RDD; there they are
those of a small DataFrame.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from replay.spark.access import gives_jvm
from replay.spark.tasks.shared import broadcast

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

T = TypeVar("T")

_ANSWERS = "place bigint, answer binary"
_LARGE = 1 << 19  # PySpark itself sends a function of twice that as a broadcast, whose file it never deletes


def run_tasks(spark: SparkSession, places: range, work: Callable[[int], T]) -> list[T]:
    """Do something for each place, a task each.

    Args:
        spark: The session.
        places: What there is to do.
        work: What a task does with its place; what it needs besides comes with it.

    Returns:
        The answers, in order.
    """
    if not gives_jvm(spark):
        return _run_by_sql(spark, places, work)
    return spark.sparkContext.parallelize(places, max(1, len(places))).map(_sent(spark, work)).collect()


def _sent(spark: SparkSession, work: Callable[[int], T]) -> Callable[[int], T]:
    """The same work, by a function that is small when pickled."""
    from pyspark.serializers import CloudPickleSerializer

    packed: bytes = CloudPickleSerializer().dumps(work)  # type: ignore[no-untyped-call]
    if len(packed) < _LARGE:
        return work
    shipped = broadcast(spark, packed)

    def unpacked(place: int) -> T:
        found: Callable[[int], T] = CloudPickleSerializer().loads(shipped.value)  # type: ignore[no-untyped-call]
        return found(place)

    return unpacked


def _run_by_sql(spark: SparkSession, places: range, work: Callable[[int], T]) -> list[T]:
    def answered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for place in (place for batch in batches for place in batch.column(0).to_pylist()):
            answer = pickle.dumps(work(place), protocol=pickle.HIGHEST_PROTOCOL)
            yield pa.RecordBatch.from_pydict({"place": pa.array([place]), "answer": pa.array([answer], pa.binary())})

    if not places:
        return []
    tasks = spark.range(places.start, places.stop, places.step, numPartitions=len(places))
    answers = {row["place"]: row["answer"] for row in tasks.mapInArrow(answered, _ANSWERS).collect()}
    # What the tasks of this very program answered; never bytes of another origin.
    return [pickle.loads(answers[place]) for place in places]
