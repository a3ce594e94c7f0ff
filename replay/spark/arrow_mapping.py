"""A table's columns as Arrow batches, mapped in tasks; ``mapInArrow`` for DataFrames with columns of any name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from replay.spark.sql import quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

BatchFunction = Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]


class Batches(Protocol):
    """A table that tasks get as Arrow batches, whoever reads it."""

    def map(self, columns: Sequence[str], function: BatchFunction, schema: StructType | str) -> tuple[DataFrame, int]:
        """Map every task's batches of some columns, lazily.

        Args:
            columns: Names of columns, in the order in which the function gets them.
            function: From a task's batches to batches of ``schema``.
            schema: Of what it yields.

        Returns:
            What the tasks yield, and how many tasks there are.
        """


class ScannedBatches:
    """A table that Spark reads: every row crosses from the JVM into Python.

    Args:
        dataframe: The table.
    """

    def __init__(self, dataframe: DataFrame) -> None:
        self._dataframe = dataframe

    def map(self, columns: Sequence[str], function: BatchFunction, schema: StructType | str) -> tuple[DataFrame, int]:
        """See :meth:`Batches.map`."""
        selected = self._dataframe.select(*map(quoted, columns))
        return map_batches(selected, function, schema), selected.rdd.getNumPartitions()


def map_batches(dataframe: DataFrame, function: BatchFunction, schema: StructType | str) -> DataFrame:
    """Map partitions of Arrow batches; PySpark's own ``mapInArrow`` takes a dot in a column's name for a path.

    Args:
        dataframe: What goes in.
        function: Gets the batches of a partition, under the names of the DataFrame.
        schema: Of what it yields.
    """
    names = dataframe.columns
    # By place: how a name is read depends on the session.
    numbered = dataframe.toDF(*(f"c{place}" for place in range(len(names))))

    def named(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        return function(batch.rename_columns(names) for batch in batches)

    return numbered.mapInArrow(named, schema)  # type: ignore[arg-type]
