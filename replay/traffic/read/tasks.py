"""Tasks that read splits themselves, with pyarrow: a row crosses into Python once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from replay.spark.tasks.arrow_mapping import BatchFunction, Update
from replay.spark.tasks.run import run_tasks
from replay.spark.tasks.shared import share
from replay.traffic.read.direct import BATCH_ROWS, ReadPlan, Split, read_split

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

_Given = TypeVar("_Given")
_Answer = TypeVar("_Answer")
_AT_ONCE = 256  # answers that the driver holds


def map_splits(
    spark: SparkSession,
    plan: ReadPlan,
    splits: Sequence[Split],
    function: BatchFunction,
    schema: StructType | str,
    batch_rows: int = BATCH_ROWS,
) -> DataFrame:
    """Map the rows of splits, lazily: one task a split.

    Args:
        spark: The session.
        plan: The plan that the splits are of.
        splits: What is read.
        function: From a split's batches to batches of ``schema``.
        schema: Of what it yields.
        batch_rows: Most rows of a batch.
    """
    shipped = share(spark, (tuple(splits), plan))

    def run(ids: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        splits, plan = shipped.value
        for index in (index for batch in ids for index in batch.column(0).to_pylist()):
            yield from function(read_split(splits[index], plan, batch_rows))

    return spark.range(0, len(splits), 1, numPartitions=max(1, len(splits))).mapInArrow(run, schema)


def fold_splits(spark: SparkSession, plan: ReadPlan, splits: Sequence[Split], update: Update) -> Iterator[bytes]:
    """Fold the rows of splits into packed states, in tasks: a state for each split, in order.

    Args:
        spark: The session.
        plan: The plan that the splits are of.
        splits: What is read.
        update: From a split's batches to its packed state.
    """
    return ask_splits(spark, splits, plan, lambda split, plan: update(read_split(split, plan)))


def ask_splits(
    spark: SparkSession, splits: Sequence[Split], given: _Given, work: Callable[[Split, _Given], _Answer]
) -> Iterator[_Answer]:
    """Ask a task of every split for something small.

    Args:
        spark: The session.
        splits: What is asked.
        given: What the work needs besides; sent to each worker once.
        work: From a split, and what is given, to the answer.

    Yields:
        The answers, in order.
    """
    shipped = share(spark, (tuple(splits), given))

    def asked(place: int) -> _Answer:
        splits, given = shipped.value
        return work(splits[place], given)

    for start in range(0, len(splits), _AT_ONCE):
        yield from run_tasks(spark, range(start, min(start + _AT_ONCE, len(splits))), asked)
