"""Keys of traffic checked in tasks, where Spark has no file system for it: by digests, and named by a second look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from replay.config import TrafficConfig
from replay.errors import TrafficError
from replay.scenarios import row_keys
from replay.spark.file_systems import spark_opens
from replay.spark.tasks.run import run_tasks
from replay.traffic import (
    KeyFingerprint,
    PinnedTraffic,
    SplitPlan,
    TrafficCheck,
    check_counted,
    check_traffic,
    fingerprint_digests,
    merge_fingerprints,
    plan_splits,
    read_split,
)
from replay.traffic.checks import KEY_HINT, duplicate_sentence, null_sentence, render_key
from replay.traffic.key_digests import Digests, digest_ranges
from replay.traffic.paths import ColumnPath, require_column

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_EXAMPLES = 3
_MOST_NAMED = 1000
"""Repeated digests whose keys are read."""


@dataclass(frozen=True)
class _Keys:
    """How tasks read keys. Picklable.

    Attributes:
        plan: Of the key's columns alone.
        paths: The key.
    """

    plan: SplitPlan
    paths: tuple[ColumnPath, ...]

    def read(self, place: int) -> Iterator[tuple[list[pa.Array], Digests]]:
        """The key's columns of a split, a batch at a time, with their digests."""
        for batch in read_split(self.plan.splits[place], self.plan):
            columns = [path.values(batch) for path in self.paths]
            yield columns, row_keys(columns)


def check_selected(
    spark: SparkSession, traffic: PinnedTraffic, config: TrafficConfig, columns: Sequence[str] = ()
) -> TrafficCheck:
    """What :func:`replay.traffic.check_traffic` finds, also where Spark cannot open the traffic; then without times.

    Args:
        spark: The session.
        traffic: The pinned table.
        config: Section ``traffic``.
        columns: Top-level columns in which exact copies agree, of which Spark tells.

    Raises:
        TrafficError: No rows are selected, or keys are null or not unique.
    """
    by_tasks = traffic.direct_problem is None and config.duplicates == "refuse"
    if not by_tasks or spark_opens(spark, traffic.location):
        return check_traffic(spark, traffic, config, columns)
    paths = tuple(require_column(traffic.schema, name) for name in config.key)
    keys = _Keys(plan_splits(spark, traffic, config.key), paths)
    found, nulls, repeated = _count(spark, keys)
    if not found.rows:
        raise TrafficError(
            f"none of the {traffic.num_rows or 0:,} rows of {traffic.location} is selected: loosen `window`, `where` "
            "or `sample`"
        )
    messages = []
    if nulls:
        rows = _named(spark, keys, np.empty(0, np.uint64))
        shown = "; ".join(render_key(dict(zip(config.key, values, strict=True))) for values in rows[:_EXAMPLES])
        messages.append(null_sentence(nulls, shown))
    if len(repeated):
        messages += _duplicates(spark, keys, config.key, repeated)
    if messages:
        raise TrafficError("\n".join([*messages, KEY_HINT]))
    return check_counted(spark, traffic, config, found, None)


def _count(spark: SparkSession, keys: _Keys) -> tuple[KeyFingerprint, int, Digests]:
    """Fingerprint of all keys, rows in which one is null, and the digests that are there more than once."""
    parts: list[KeyFingerprint] = []
    repeated: list[Digests] = []
    nulls = 0
    for lower, upper in digest_ranges(keys.plan.num_rows):
        answers = run_tasks(spark, range(len(keys.plan.splits)), _Within(keys, lower, upper))
        together = np.concatenate([np.empty(0, np.uint64), *(digests for digests, _ in answers)])
        nulls += sum(null for _, null in answers)
        parts.append(fingerprint_digests(together))
        values, counts = np.unique(together, return_counts=True)
        repeated.append(values[counts > 1])
    return merge_fingerprints(parts), nulls, np.concatenate([np.empty(0, np.uint64), *repeated])


@dataclass(frozen=True)
class _Within:
    """Digests of a split in a range, and how many of their keys are null in part."""

    keys: _Keys
    lower: int
    upper: int

    def __call__(self, place: int) -> tuple[Digests, int]:
        found: list[Digests] = [np.empty(0, np.uint64)]
        nulls = 0
        for columns, digests in self.keys.read(place):
            inside = digests >= np.uint64(self.lower)
            if self.upper < 2**64:
                inside &= digests < np.uint64(self.upper)
            found.append(digests[inside])
            nulls += int(np.count_nonzero(_is_null(columns) & inside))
        return np.concatenate(found), nulls


def _is_null(columns: Sequence[pa.Array]) -> Any:
    return np.logical_or.reduce([column.is_null().to_numpy(zero_copy_only=False) for column in columns])


def _named(spark: SparkSession, keys: _Keys, digests: Digests) -> list[tuple[Hashable, ...]]:
    """The keys of rows with one of these digests; with none given, of some rows whose key is null in part."""

    def work(place: int) -> list[tuple[Hashable, ...]]:
        rows: list[tuple[Hashable, ...]] = []
        for columns, found in keys.read(place):
            null = _is_null(columns)
            wanted = np.isin(found, digests) & ~null if len(digests) else null
            places = pa.array(np.flatnonzero(wanted)[: None if len(digests) else _EXAMPLES])
            rows += zip(*(column.take(places).to_pylist() for column in columns), strict=True)
        return rows if len(digests) else rows[:_EXAMPLES]

    return [row for rows in run_tasks(spark, range(len(keys.plan.splits)), work) for row in rows]


def _duplicates(spark: SparkSession, keys: _Keys, key: Sequence[str], repeated: Digests) -> list[str]:
    """What is said of keys that are there more than once, of those with these digests; nothing where none is."""
    counts = Counter(_named(spark, keys, repeated[:_MOST_NAMED]))
    twice = [(values, rows) for values, rows in counts.most_common() if rows > 1]
    if not twice:
        return []
    sums = {"repeated_rows": sum(rows for _, rows in twice), "repeated_keys": len(twice)}
    examples = [(dict(zip(key, values, strict=True)), rows) for values, rows in twice[:_EXAMPLES]]
    more = "" if len(repeated) <= _MOST_NAMED else f" (of the first {_MOST_NAMED:,} that repeat)"
    return [duplicate_sentence(key, sums, examples) + more]
