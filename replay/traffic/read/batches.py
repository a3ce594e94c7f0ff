"""Tables as Arrow batches: of the files that tasks, or this process, read themselves; by Spark where only Spark can."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.spark.tasks.arrow_mapping import BatchFunction, Merge, ScannedBatches, Update
from replay.spark.tasks.grouping import Grouping
from replay.traffic.read.direct import ReadPlan, Split, read_split
from replay.traffic.read.grouped import fold_grouped
from replay.traffic.read.plan import plan_splits
from replay.traffic.read.scan import selected_dataframe
from replay.traffic.read.splits import make_splits
from replay.traffic.read.tasks import fold_splits

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from replay.traffic.table.data_files import DataFile
    from replay.traffic.table.pinned import PinnedTraffic

_MOST_THREADS = 8


class SplitBatches:
    """Splits that are read without Spark.

    Args:
        spark: The session, whose tasks read.
        splits: In the order of their rows.
        plan: How some columns of them are read.
    """

    def __init__(self, spark: SparkSession, splits: Sequence[Split], plan: Callable[[Sequence[str]], ReadPlan]) -> None:
        self._spark = spark
        self._splits = splits
        self._plan = plan

    def fold(self, columns: Sequence[str], update: Update, merge: Merge) -> Iterator[bytes]:
        """See :meth:`replay.spark.tasks.arrow_mapping.Batches.fold`."""
        return fold_splits(self._spark, self._plan(columns), self._splits, update)

    def gather(self, columns: Sequence[str], function: BatchFunction) -> list[pa.RecordBatch]:
        """See :meth:`replay.spark.tasks.arrow_mapping.Batches.gather`.

        This process reads, in threads: what it wants of the rows would have to come here from any task.
        """
        plan = self._plan(columns)

        def read(split: Split) -> list[pa.RecordBatch]:
            return list(function(read_split(split, plan)))

        with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
            return [batch for found in pool.map(read, self._splits) for batch in found]


class FileBatches(SplitBatches):
    """Parquet files of one schema.

    Args:
        spark: The session.
        files: In the order of their rows.
        schema: Of the files.
        scratch: A directory that tasks reach and nobody else uses; it need not be there.
    """

    def __init__(self, spark: SparkSession, files: Sequence[DataFile], schema: pa.Schema, scratch: str) -> None:
        self._scratch = scratch
        super().__init__(
            spark,
            make_splits(files, None),
            lambda columns: ReadPlan(pa.schema([schema.field(name) for name in columns]), None),
        )

    def fold_groups(self, columns: Sequence[str], grouping: Grouping, update: Update) -> Iterator[bytes]:
        """See :meth:`replay.spark.tasks.arrow_mapping.Batches.fold_groups`."""
        plan = self._plan(grouping.reads(columns))
        return fold_grouped(self._spark, plan, self._splits, columns, grouping, update, self._scratch)


class TableBatches:
    """A pinned table, read by the tasks where they can, and by Spark where only Spark can.

    Args:
        spark: The session.
        traffic: The table.
    """

    def __init__(self, spark: SparkSession, traffic: PinnedTraffic) -> None:
        self._spark = spark
        self._traffic = traffic

    def fold(self, columns: Sequence[str], update: Update, merge: Merge) -> Iterator[bytes]:
        """See :meth:`replay.spark.tasks.arrow_mapping.Batches.fold`.

        Raises:
            TrafficError: A file cannot be read.
        """
        return self._read(columns).fold(columns, update, merge)

    def gather(self, columns: Sequence[str], function: BatchFunction) -> list[pa.RecordBatch]:
        """See :meth:`replay.spark.tasks.arrow_mapping.Batches.gather`.

        Raises:
            TrafficError: A file cannot be read.
        """
        return self._read(columns).gather(columns, function)

    def fold_groups(self, columns: Sequence[str], grouping: Grouping, update: Update) -> Iterator[bytes]:
        """See :meth:`replay.spark.tasks.arrow_mapping.Batches.fold_groups`.

        By Spark always: a table that is not of a run's own files has no place beside it where tasks write.
        """
        return ScannedBatches(selected_dataframe(self._spark, self._traffic)).fold_groups(columns, grouping, update)

    def _read(self, columns: Sequence[str]) -> SplitBatches | ScannedBatches:
        plan = plan_splits(self._spark, self._traffic, columns)
        if plan.reader == "spark" or not plan.splits:
            return ScannedBatches(selected_dataframe(self._spark, self._traffic))
        return SplitBatches(self._spark, plan.splits, lambda _: plan)
