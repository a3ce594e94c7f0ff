"""The diff as a Spark job: mergeable states over the scores table, one pass for all variants, slices and buckets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import pyarrow as pa
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_MERGE_ON_DRIVER = 64
_SCHEMA = "state binary"


class State(Protocol):
    """What a pass accumulates: updated with batches, merged, carried as bytes."""

    def update(self, batch: pa.RecordBatch) -> Self:
        """Add rows."""

    def merge(self, other: Self) -> Self:
        """Add another state; ``other`` stays as it is."""

    def to_bytes(self) -> bytes:
        """Pack it to travel between processes."""


S = TypeVar("S", bound=State)


def accumulate(scores: DataFrame, columns: tuple[str, ...], empty: S, unpack: Callable[[bytes], S]) -> S:
    """Run a state over a table in parallel and merge what the tasks found.

    Args:
        scores: The scores table.
        columns: Columns that the state reads, and no others: what is selected is what crosses into Python.
        empty: A state that has seen nothing; every task starts from it.
        unpack: Undoes `to_bytes`.
    """
    packed_empty = empty.to_bytes()

    def update(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield _pack(reduce(lambda state, batch: state.update(batch), batches, unpack(packed_empty)))

    def merge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        states = (unpack(state) for batch in batches for state in batch.column(0).to_pylist())
        yield _pack(reduce(lambda left, right: left.merge(right), states, unpack(packed_empty)))

    quoted = [F.col(f"`{name}`") for name in columns]
    partial = scores.select(*quoted).mapInArrow(update, _SCHEMA)
    tasks = partial.rdd.getNumPartitions()
    if tasks > _MERGE_ON_DRIVER:
        partial = partial.repartition(math.isqrt(tasks)).mapInArrow(merge, _SCHEMA)
    states = (unpack(bytes(row[0])) for row in partial.toLocalIterator())
    return reduce(lambda left, right: left.merge(right), states, unpack(packed_empty))


def _pack(state: State) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([state.to_bytes()], pa.binary())], names=["state"])
