"""Another table brought to this machine's disk by tasks, its rows findable by key."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from replay.files.writing import open_output
from replay.spark.tasks.run import run_tasks
from replay.spark.tasks.sending import same_machine
from replay.traffic.key_digests import digest_ranges, places_within
from replay.traffic.paths import require_column
from replay.traffic.read.direct import ReadPlan, Split, read_split
from replay.traffic.read.plan import SplitPlan, plan_splits
from replay.traffic.read.tasks import ask_splits
from replay.traffic.sources.indexed.index import ROW_BITS, RowBlock, SourceIndex, digests_path, places_path
from replay.traffic.sources.indexed.keys import KeyColumns, digests_of, keys_of_both

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from replay.traffic.sources.pinned_source import PinnedSource
    from replay.traffic.table.pinned import PinnedTraffic

LARGEST_BYTES: Final = 16 << 30
"""Of a table that is brought to the disk; Spark joins larger ones."""
_BLOCK_ROWS: Final = 1 << 18
_LOOKED_INTO: Final = 8


@dataclass(frozen=True)
class _Indexing:
    """What tasks are sent."""

    plan: ReadPlan
    key: KeyColumns
    directory: str


@dataclass(frozen=True)
class _Written:
    """What a task wrote.

    Attributes:
        path: The rows, in batches.
        rows: Of each batch.
        keyed: Rows that have a key without a null.
        digests: Sorted, of the rows that have a key.
        places: Where these rows are, by the batch's number in the file.
    """

    path: str
    rows: tuple[int, ...]
    keyed: int
    digests: str
    places: str


def index_obstacle(spark: SparkSession, source: PinnedSource) -> str | None:
    """Why only Spark joins another table, as far as that is known before it is read; None where tasks can.

    Args:
        spark: The session.
        source: One that can be joined.
    """
    if not same_machine(spark):
        return "is joined by Spark where tasks run on other machines"
    if source.table.direct_problem is not None:
        return f"cannot be read by tasks: {source.table.direct_problem}"
    return None


def index_source(
    spark: SparkSession, traffic: PinnedTraffic, source: PinnedSource, columns: Sequence[str], directory: Path
) -> SourceIndex | str:
    """Write the selected rows of another table to a disk that all tasks share.

    Args:
        spark: The session.
        traffic: The pinned traffic.
        source: One to which :func:`index_obstacle` objects nothing.
        columns: Its columns or paths that are wanted beside the key.
        directory: Where; it need not be there, and is the caller's to remove.

    Returns:
        The index, or why there is none.

    Raises:
        TrafficError: A file cannot be read.
        OSError: It cannot be written.
    """
    _, key = keys_of_both(traffic.schema, source)
    schema = source.table.schema
    roots = dict.fromkeys([*key.roots, *(require_column(schema, name).root for name in columns)])
    plan = plan_splits(spark, source.table, list(roots))
    if plan.reader == "spark":
        return f"cannot be read by tasks: {plan.reason}"
    if _bytes_of(plan) > LARGEST_BYTES:
        return f"takes more than {LARGEST_BYTES >> 30} GiB"
    own = directory / uuid.uuid4().hex
    own.mkdir(parents=True)
    written = [*ask_splits(spark, plan.splits, _Indexing(plan, key, str(own)), _write_rows)]
    ranges = digest_ranges(sum(sum(each.rows) for each in written))
    firsts = [*accumulate((len(each.rows) for each in written), initial=0)]
    repeats = run_tasks(
        spark, range(len(ranges)), lambda number: _gather(written, firsts, ranges[number], str(own), number)
    )
    if any(repeats):
        return "has two keys that share a digest"
    blocks = tuple(RowBlock(each.path, number, rows) for each in written for number, rows in enumerate(each.rows))
    keyed = sum(each.keyed for each in written)
    return SourceIndex(str(own), plan.schema, key, blocks, tuple(lower for lower, _ in ranges), keyed)


def _bytes_of(plan: SplitPlan) -> float:
    """About how many bytes the rows take, by those of the first ones; of a table that selects hardly any, 0."""
    for split in plan.splits[:_LOOKED_INTO]:
        for batch in read_split(split, plan, 1024, decode_bytes=1 << 20):
            return float(plan.num_rows * batch.nbytes / batch.num_rows)
    return 0.0


def _write_rows(split: Split, work: _Indexing) -> _Written:
    name = f"{work.directory}/{uuid.uuid4().hex}"
    rows, digests, places = [], [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    with open_output(f"{name}.arrow") as sink, pa.ipc.new_file(sink, work.plan.schema) as writer:
        for number, batch in enumerate(_blocks(split, work.plan)):
            writer.write_batch(batch)
            rows.append(batch.num_rows)
            found, whole = digests_of(work.key.arrays(batch))
            digests.append(found[whole])
            places.append(np.flatnonzero(whole) + (number << ROW_BITS))
    together = np.concatenate(digests)
    order = np.argsort(together, kind="stable")
    np.save(f"{name}-digests.npy", together[order])
    np.save(f"{name}-places.npy", np.concatenate(places)[order])
    return _Written(f"{name}.arrow", tuple(rows), len(together), f"{name}-digests.npy", f"{name}-places.npy")


def _blocks(split: Split, plan: ReadPlan) -> Iterator[pa.RecordBatch]:
    """The rows of a split in batches of the table's own schema."""
    for batch in read_split(split, replace(plan, dictionaries=frozenset()), _BLOCK_ROWS):
        yield pa.RecordBatch.from_arrays(batch.columns, schema=plan.schema)


def _gather(
    written: Sequence[_Written], firsts: Sequence[int], bounds: tuple[int, int], directory: str, number: int
) -> bool:
    """Write the digests of a range, sorted, and their places; whether one is there twice."""
    digests, places = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for each, first in zip(written, firsts, strict=False):
        known = np.load(each.digests, mmap_mode="r")
        own = places_within(known, *bounds)
        digests.append(known[own])
        places.append(np.load(each.places, mmap_mode="r")[own] + (first << ROW_BITS))
    together = np.concatenate(digests)
    order = np.argsort(together, kind="stable")
    together = together[order]
    np.save(digests_path(directory, number), together)
    np.save(places_path(directory, number), np.concatenate(places)[order])
    return bool((together[1:] == together[:-1]).any())
