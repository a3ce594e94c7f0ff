"""Tables whose files tasks read themselves, with pyarrow: a row crosses into Python once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.spark.arrow_mapping import BatchFunction, ScannedBatches
from replay.traffic.read.direct import BATCH_ROWS, ReadPlan, Split, read_split
from replay.traffic.read.plan import plan_splits

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from replay.traffic.table.pinned import PinnedTraffic


def map_splits(
    spark: SparkSession,
    plan: ReadPlan,
    splits: Sequence[Split],
    function: BatchFunction,
    schema: StructType | str,
    batch_rows: int = BATCH_ROWS,
) -> DataFrame:
    """Map splits that tasks read themselves, lazily: one task a split.

    Args:
        spark: The session.
        plan: The plan that the splits are of.
        splits: What is read.
        function: From a split's batches to batches of ``schema``.
        schema: Of what it yields.
        batch_rows: Most rows of a batch.
    """
    shipped = spark.sparkContext.broadcast((plan, tuple(splits)))

    def read(ids: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        plan, splits = shipped.value
        for batch in ids:
            for index in batch.column(0).to_pylist():
                yield from read_split(splits[index], plan, batch_rows)

    ids = spark.range(0, len(splits), 1, numPartitions=len(splits))
    return ids.mapInArrow(lambda batches: iter(function(read(batches))), schema)


class TableBatches:
    """A pinned table, read by the tasks where they can, and by Spark where only Spark can.

    Args:
        spark: The session.
        traffic: The table.
    """

    def __init__(self, spark: SparkSession, traffic: PinnedTraffic) -> None:
        self._spark = spark
        self._traffic = traffic

    def map(self, columns: Sequence[str], function: BatchFunction, schema: StructType | str) -> tuple[DataFrame, int]:
        """See :meth:`replay.spark.arrow_mapping.Batches.map`.

        Raises:
            TrafficError: A file cannot be read.
        """
        plan = plan_splits(self._spark, self._traffic, columns)
        if plan.reader == "spark" or not plan.splits:
            return ScannedBatches(self._traffic.selected(self._spark)).map(columns, function, schema)
        return map_splits(self._spark, plan, plan.splits, function, schema), len(plan.splits)
