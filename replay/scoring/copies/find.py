"""Exact copies among the selected rows, found by tasks: by 64-bit digests, of ranges that a machine's memory holds.

Of the rows with one key the keys are hashed first, as they are few bytes; what else rows hold is looked at only where a
key repeats. A row's place is its number among the selected rows of its split, which depends on the pinned table alone,
so that the same rows are left out in every run, whatever the number of tasks.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.features import feature_column
from replay.scenarios import row_keys
from replay.scoring.copies.content import row_contents
from replay.scoring.copies.dropped import DroppedRows
from replay.spark.tasks.run import run_tasks
from replay.spark.tasks.shared import share
from replay.traffic import SplitPlan, read_split
from replay.traffic.key_digests import digest_ranges, places_within
from replay.traffic.read.direct import ReadPlan

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_KEYS = np.dtype([("digest", np.uint64), ("row", np.uint32)])
_ROWS = np.dtype([("digest", np.uint64), ("content", np.uint64), ("split", np.uint32), ("row", np.uint32)])
_DROPPED = np.dtype([("split", np.uint32), ("row", np.uint32)])
_PARTS = 4
"""Ranges are so many times smaller than those of digests alone."""

Records = NDArray[Any]


@dataclass(frozen=True)
class _CopySearch:
    """What is looked through. Picklable.

    Attributes:
        rows: How rows are read whole, and the splits.
        keys: How their keys are read.
        key: The key's columns.
        folder: Where tasks leave what they found.
    """

    rows: SplitPlan
    keys: ReadPlan
    key: tuple[str, ...]
    folder: str

    def file(self, kind: str, number: int) -> Path:
        """Where what one task found of a kind lies."""
        return Path(self.folder, f"{kind}-{number:06}.npy")

    def save(self, kind: str, number: int, records: Records) -> None:
        """Leave what one task found; whole or not at all, should the task be tried twice."""
        file = self.file(kind, number)
        written = file.with_name(f".{uuid.uuid4().hex}.npy")
        np.save(written, records, allow_pickle=False)
        written.replace(file)

    def load(self, kind: str, number: int, lower: int, upper: int) -> Records:
        """The records of a kind whose digest is in [lower, upper), sorted by it."""
        records = np.load(self.file(kind, number), mmap_mode="r", allow_pickle=False)
        return np.asarray(records[places_within(records["digest"], lower, upper)])


def find_copies(
    spark: SparkSession, plan: SplitPlan, keys: ReadPlan, key: Sequence[str], folder: str
) -> DroppedRows | None:
    """Find the rows that are exact copies of an earlier one, in all columns of the plan; None where no key repeats.

    Args:
        spark: The session.
        plan: How tasks read the rows.
        keys: The same rows, with the columns of the key.
        key: The key's columns, or paths.
        folder: Of a disk that every task sees; see :class:`DroppedRows`.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    search = _CopySearch(plan, keys, tuple(key), folder)
    splits = range(len(plan.splits))
    ranges = digest_ranges(sum(_run(spark, search, splits, _digest_keys)) * _PARTS)
    repeated = _run(spark, search, range(len(ranges)), lambda given, place: _repeats(given, place, ranges[place]))
    if not any(repeated):
        return None
    _run(spark, search, splits, lambda given, number: _read_repeated(given, number, ranges))
    dropped = _run(spark, search, range(len(ranges)), lambda given, place: _drop(given, place, ranges[place]))
    return DroppedRows(tuple(str(search.file("dropped", place)) for place in range(len(ranges))), sum(dropped))


def _run(spark: SparkSession, search: _CopySearch, places: range, work: Callable[[_CopySearch, int], int]) -> list[int]:
    shipped = share(spark, search)
    return run_tasks(spark, places, lambda place: work(shipped.value, place))


def _digest_keys(search: _CopySearch, number: int) -> int:
    """Leave the digests of a split's keys, sorted, each with the row's place; how many there are."""
    found = [
        row_keys([feature_column(batch, name) for name in search.key])
        for batch in read_split(search.rows.splits[number], search.keys)
    ]
    digests = np.concatenate([np.empty(0, np.uint64), *found])
    order = np.argsort(digests, kind="stable")
    records = np.empty(len(digests), _KEYS)
    records["digest"], records["row"] = digests[order], order
    search.save("keys", number, records)
    return len(records)


def _repeats(search: _CopySearch, place: int, bounds: tuple[int, int]) -> int:
    """Leave the digests of a range that are there twice, sorted."""
    parts = [search.load("keys", number, *bounds)["digest"] for number in range(len(search.rows.splits))]
    digests = np.sort(np.concatenate([np.empty(0, np.uint64), *parts]))
    repeated = np.unique(digests[1:][digests[1:] == digests[:-1]])
    search.save("repeated", place, repeated)
    return len(repeated)


def _read_repeated(search: _CopySearch, number: int, ranges: Sequence[tuple[int, int]]) -> int:
    """Leave what the rows of a split hold whose keys repeat, sorted by digest."""
    kept = [np.empty(0, _KEYS)]
    for place, bounds in enumerate(ranges):
        keys, repeated = search.load("keys", number, *bounds), np.load(search.file("repeated", place))
        kept.append(keys[np.isin(keys["digest"], repeated)])
    by_row = np.sort(np.concatenate(kept), order="row")
    contents = np.concatenate([np.empty(0, np.uint64), *_contents_at(search, number, by_row["row"].astype(np.int64))])
    records = np.empty(len(by_row), _ROWS)
    records["digest"], records["row"] = by_row["digest"], by_row["row"]
    records["content"], records["split"] = contents, number
    search.save("rows", number, np.sort(records, order=["digest", "row"]))
    return len(records)


def _contents_at(search: _CopySearch, number: int, rows: NDArray[np.int64]) -> Iterator[NDArray[np.uint64]]:
    """What some rows of a split hold, in their order."""
    if not len(rows):
        return
    first = 0
    for batch in read_split(search.rows.splits[number], search.rows):
        start, stop = np.searchsorted(rows, [first, first + batch.num_rows])
        if stop > start:
            taken = batch.take(pa.array(rows[start:stop] - first))
            yield row_contents(taken.columns)
        first += batch.num_rows


def _drop(search: _CopySearch, place: int, bounds: tuple[int, int]) -> int:
    """Leave the places of the rows of a range that are copies of one before them, sorted."""
    parts = [search.load("rows", number, *bounds) for number in range(len(search.rows.splits))]
    records = np.sort(np.concatenate([np.empty(0, _ROWS), *parts]), order=["digest", "content", "split", "row"])
    same = (records["digest"][1:] == records["digest"][:-1]) & (records["content"][1:] == records["content"][:-1])
    copies = records[1:][same]
    dropped = np.empty(len(copies), _DROPPED)
    dropped["split"], dropped["row"] = copies["split"], copies["row"]
    search.save("dropped", place, np.sort(dropped))
    return len(dropped)
