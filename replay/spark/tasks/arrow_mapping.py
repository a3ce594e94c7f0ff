"""A table's columns as Arrow batches, mapped in tasks; ``mapInArrow`` for DataFrames with columns of any name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from replay.spark.access import gives_jvm
from replay.spark.sql import quoted
from replay.spark.tasks.grouping import Grouping

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

BatchFunction = Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]
Update = Callable[[Iterable[pa.RecordBatch]], bytes]
Merge = Callable[[Iterable[bytes]], bytes]

_MERGED_AT_ONCE = 64
_STATE = "state binary"


class Batches(Protocol):
    """A table whose tasks get its rows as Arrow batches, whoever reads them."""

    def fold(self, columns: Sequence[str], update: Update, merge: Merge) -> Iterator[bytes]:
        """Fold the rows into states, in tasks.

        Args:
            columns: Names of columns, in the order in which ``update`` gets them.
            update: From a task's batches to its packed state.
            merge: From packed states to one of all their rows.

        Yields:
            Packed states, each of some of the rows, in an order that is the same in every run where tasks read.
        """

    def gather(self, columns: Sequence[str], function: BatchFunction) -> list[pa.RecordBatch]:
        """Bring rows here: few, or of compact columns.

        Args:
            columns: As in :meth:`fold`.
            function: From batches of some of the rows to what is wanted of them.

        Returns:
            What the function gave, in an order that is the same in every run where Spark does not read.
        """

    def fold_groups(self, columns: Sequence[str], grouping: Grouping, update: Update) -> Iterator[bytes]:
        """Fold the rows into states, a group whole in one of them.

        Args:
            columns: As in :meth:`fold`.
            grouping: What belongs together.
            update: As in :meth:`fold`; the group's code comes before the columns, and rows of a group are neighbours.

        Yields:
            Packed states, in an order that is the same in every run where tasks read.
        """


class ScannedBatches:
    """A table that Spark reads: every row crosses from the JVM into Python.

    Args:
        dataframe: The table.
    """

    def __init__(self, dataframe: DataFrame) -> None:
        self._dataframe = dataframe

    def fold(self, columns: Sequence[str], update: Update, merge: Merge) -> Iterator[bytes]:
        """See :meth:`Batches.fold`."""
        selected = self._dataframe.select(*map(quoted, columns))
        # How many there are, only an RDD tells; else all states are brought together here.
        tasks = selected.rdd.getNumPartitions() if gives_jvm(selected.sparkSession) else 0
        states = fold_batches(selected, update)
        if tasks > _MERGED_AT_ONCE:

            def merged(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
                yield _state(merge(state for batch in batches for state in batch.column(0).to_pylist()))

            states = states.repartition(math.isqrt(tasks)).mapInArrow(merged, _STATE)
        return (bytes(row[0]) for row in states.collect())

    def gather(self, columns: Sequence[str], function: BatchFunction) -> list[pa.RecordBatch]:
        """See :meth:`Batches.gather`."""
        packed = self.fold(columns, lambda batches: pack_batches(function(batches)), _packed_together)
        return [batch for state in packed for batch in unpack_batches(state)]

    def fold_groups(self, columns: Sequence[str], grouping: Grouping, update: Update) -> Iterator[bytes]:
        """See :meth:`Batches.fold_groups`."""
        # Mapped as it is: to select columns again would let Spark forget the order.
        states = fold_batches(grouping.by_spark(self._dataframe, columns), update)
        return (bytes(row[0]) for row in states.collect())


def pack_batches(batches: Iterable[pa.RecordBatch]) -> bytes:
    """Batches of one schema as bytes, to travel between processes; no bytes where there is none."""
    sink = pa.BufferOutputStream()
    writer: pa.RecordBatchStreamWriter | None = None
    for batch in batches:
        writer = writer or pa.ipc.new_stream(sink, batch.schema)
        writer.write_batch(batch)
    if writer is None:
        return b""
    writer.close()
    return bytes(sink.getvalue().to_pybytes())


def unpack_batches(packed: bytes) -> list[pa.RecordBatch]:
    """The batches of :func:`pack_batches`."""
    return list(pa.ipc.open_stream(packed)) if packed else []


def _packed_together(states: Iterable[bytes]) -> bytes:
    return pack_batches(batch for state in states for batch in unpack_batches(state))


def fold_batches(dataframe: DataFrame, update: Update) -> DataFrame:
    """The packed state of every partition, lazily: a row each, of one column.

    Args:
        dataframe: The rows, in the partitions and in the order in which they are to be read.
        update: From a partition's batches to its packed state.
    """

    def folded(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield _state(update(batches))

    return map_batches(dataframe, folded, _STATE)


def _state(packed: bytes) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([packed], pa.binary())], names=["state"])


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
