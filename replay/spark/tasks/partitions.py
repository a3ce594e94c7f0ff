"""Partitions that Spark makes of a DataFrame, worked on by tasks some at a time: planned once, each read once.

To work on some of them takes the JVM; without it all are worked on at once.

Leans on: ``DataFrame._jdf.javaToPython``, ``PythonRDD.runJob`` over some partitions of it, and how PySpark collects an
RDD (``installed/versions.py``). By ``DataFrame.rdd`` a second Python process would work beside each task's own, to
hand on its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from replay.spark.access import gives_jvm
from replay.spark.installed.versions import collected_rows
from replay.spark.tasks.arrow_mapping import map_batches

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_ANSWER = "number bigint, answer binary"


class PartitionTasks:
    """The partitions of a DataFrame. What has to be shuffled for them is shuffled here, and once.

    Args:
        dataframe: The rows.
        work: From the number of a partition and its batches to an answer of few bytes.

    Attributes:
        count: How many there are that can be worked on by themselves; 1 where that is all of them together.
    """

    def __init__(self, dataframe: DataFrame, work: Callable[[int, Iterable[pa.RecordBatch]], bytes]) -> None:
        def answered(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            from pyspark import TaskContext

            context = TaskContext.get()
            number = 0 if context is None else context.partitionId()
            answer = work(number, rows)
            yield pa.RecordBatch.from_pydict({"number": pa.array([number]), "answer": pa.array([answer], pa.binary())})

        self._answers = map_batches(dataframe, answered, _ANSWER)
        self._some = _SomePartitions(self._answers) if gives_jvm(dataframe.sparkSession) else None
        self.count: int = 1 if self._some is None else self._some.count

    def run(self, partitions: range) -> list[bytes]:
        """Work on some of the partitions, a task each.

        Returns:
            The answers, in order; none of a partition that has no row, where Spark does not ask for one.
        """
        rows = self._answers.collect() if self._some is None else self._some.collect(partitions)
        return [bytes(row[1]) for row in sorted(rows, key=lambda row: row[0])]


class _SomePartitions:
    """The partitions of a DataFrame, collected some at a time."""

    def __init__(self, dataframe: DataFrame) -> None:
        self._context: Any = dataframe.sparkSession.sparkContext
        self._rows: Any = dataframe._jdf.javaToPython()
        self.count: int = self._rows.getNumPartitions()

    def collect(self, partitions: range) -> list[Any]:
        from pyspark.serializers import BatchedSerializer, CPickleSerializer

        jvm = self._context._jvm
        found = jvm.PythonRDD.runJob(self._context._jsc.sc(), self._rows, list(partitions))
        pickled = BatchedSerializer(CPickleSerializer())  # type: ignore[no-untyped-call]
        with collected_rows(found, pickled) as rows:
            return list(rows)
