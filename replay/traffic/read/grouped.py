"""Rows of a group brought together by tasks: each writes its rows by bucket, and each bucket is read by one.

A bucket holds whole groups, by a hash of their code; how many there are depends on the number of rows alone, so that
what is made of them has the same bits however many tasks run, and however the rows are spread over files.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from replay.files.reading import open_input
from replay.files.writing import open_output, remove_directory
from replay.hashing import mix
from replay.spark.tasks.arrow_mapping import Update
from replay.spark.tasks.grouping import Grouping
from replay.spark.tasks.run import run_tasks
from replay.traffic.read.direct import ReadPlan, Split, read_split
from replay.traffic.read.tasks import ask_splits

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BUCKET_ROWS = 1 << 18
"""Rows of a bucket, at most about: what a task holds at once."""


@dataclass(frozen=True)
class _Work:
    """What tasks are sent.

    Attributes:
        plan: How splits are read.
        columns: That are wanted.
        grouping: What belongs together.
        buckets: How many there are.
        scratch: Directory that all tasks reach.
    """

    plan: ReadPlan
    columns: tuple[str, ...]
    grouping: Grouping
    buckets: int
    scratch: str


def fold_grouped(
    spark: SparkSession,
    plan: ReadPlan,
    splits: Sequence[Split],
    columns: Sequence[str],
    grouping: Grouping,
    update: Update,
    scratch: str,
) -> Iterator[bytes]:
    """Fold rows into states, a group whole in one of them: a state for each bucket, in order.

    Args:
        spark: The session.
        plan: How the splits are read; it delivers what the grouping reads.
        splits: The rows.
        columns: See :meth:`replay.spark.tasks.arrow_mapping.Batches.fold_groups`.
        grouping: What belongs together.
        update: From a bucket's rows to its packed state.
        scratch: A directory that all tasks reach, for this alone; it is gone afterwards.
    """
    if not splits:
        return
    buckets = max(1, -(-sum(split.num_rows for split in splits) // BUCKET_ROWS))
    work = _Work(plan, tuple(columns), grouping, buckets, scratch)
    if buckets == 1:
        whole = Split(tuple(piece for split in splits for piece in split.pieces), sum(one.num_rows for one in splits))
        yield from ask_splits(
            spark, [whole], work, lambda split, work: update(_in_order([_coded(split, work)], work.grouping.code))
        )
        return
    try:
        paths = [path for path in ask_splits(spark, splits, work, _write_buckets) if path is not None]
        yield from run_tasks(
            spark, range(buckets), lambda bucket: update(_in_order(_read_bucket(paths, bucket), grouping.code))
        )
    finally:
        remove_directory(scratch)


def _coded(split: Split, work: _Work) -> pa.Table:
    """The rows of a split that count, with their codes."""
    batches = [work.grouping.coded(batch, work.columns) for batch in read_split(split, work.plan)]
    return pa.Table.from_batches(batches) if batches else pa.table({work.grouping.code: pa.array([], pa.int64())})


def _write_buckets(split: Split, work: _Work) -> str | None:
    """Write a split's rows to a file, a batch for each bucket; its path, or None where no row counts."""
    table = _coded(split, work)
    if not table.num_rows:
        return None
    codes = table.column(work.grouping.code).to_numpy()
    bucket = (mix(codes.view(np.uint64)) % np.uint64(work.buckets)).astype(np.int32)
    order = np.argsort(bucket, kind="stable")
    (rows,) = table.take(pa.array(order)).combine_chunks().to_batches()
    bounds = np.searchsorted(bucket[order], np.arange(work.buckets + 1)).tolist()
    path = f"{work.scratch}/{uuid.uuid4().hex}.arrow"
    with open_output(path) as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        for start, stop in pairwise(bounds):
            writer.write_batch(rows.slice(start, stop - start))
    return path


def _read_bucket(paths: Sequence[str], bucket: int) -> Iterator[pa.Table]:
    """The rows of a bucket, in the order of the files: what is not asked for is not read."""
    for path in paths:
        with open_input(path) as source:
            yield pa.Table.from_batches([pa.ipc.open_file(source).get_batch(bucket)])


def _in_order(parts: Iterable[pa.Table], code: str) -> list[pa.RecordBatch]:
    """The rows by code; those of one code in the order in which they came."""
    found = [part for part in parts if part.num_rows]
    if not found:
        return []
    rows = pa.concat_tables(found)
    order = np.argsort(rows.column(code).to_numpy(), kind="stable")
    batches: list[pa.RecordBatch] = rows.take(pa.array(order)).combine_chunks().to_batches()
    return batches
