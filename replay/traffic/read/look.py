"""A look at a table before a config describes it: a few thousand rows, and whether columns identify a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.spark.errors import traffic_errors
from replay.traffic.paths import column_root, require_column
from replay.traffic.read.direct import ReadPlan, read_split
from replay.traffic.read.plan import SplitPlan
from replay.traffic.read.sample import SAMPLE_ROWS, draw_direct
from replay.traffic.read.scan import pinned_dataframe, scannable_roots
from replay.traffic.read.splits import make_splits
from replay.traffic.selection import spark_column

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from replay.traffic.table.pinned import PinnedTraffic

MOST_COUNTED = 20_000_000
"""Rows of a table whose keys are counted here, in memory; Spark counts those of larger ones."""


@dataclass(frozen=True)
class KeyCount:
    """How well some columns identify a row.

    Attributes:
        key: The columns.
        rows: That were counted.
        distinct: Different values that they have together.
        repeated: Rows that share theirs with another row.
        nulls: Rows in which one of them is null.
        whole: All rows of the table were counted, not a sample.
    """

    key: tuple[str, ...]
    rows: int
    distinct: int
    repeated: int
    nulls: int
    whole: bool = True

    @property
    def unique(self) -> bool:
        """Whether every row has a key, and none another row's."""
        return self.repeated == 0 and self.nulls == 0


class TableLook(Protocol):
    """What can be asked of a table."""

    @property
    def schema(self) -> pa.Schema:
        """Of the table."""
        ...

    @property
    def num_rows(self) -> int | None:
        """Of the table; None where only a scan would tell."""
        ...

    def sample(self) -> pa.RecordBatch:
        """At most :data:`SAMPLE_ROWS` rows with all columns, from all over the table."""
        ...

    def count_keys(self, keys: Sequence[tuple[str, ...]]) -> tuple[KeyCount, ...]:
        """Count how often each of some keys repeats, over the whole table wherever that is affordable."""
        ...


class DirectLook:
    """A look that reads files itself, without Spark.

    Args:
        traffic: A table that the direct reader reads.
    """

    def __init__(self, traffic: PinnedTraffic) -> None:
        self._traffic = traffic
        self.schema = traffic.schema
        self._splits = make_splits(traffic.files, None)
        self.num_rows: int | None = sum(split.num_rows for split in self._splits)

    def sample(self) -> pa.RecordBatch:
        """See :meth:`TableLook.sample`."""
        return draw_direct(SplitPlan(self.schema, None, "direct", None, self._splits, self.num_rows or 0)).batch

    def count_keys(self, keys: Sequence[tuple[str, ...]]) -> tuple[KeyCount, ...]:
        """See :meth:`TableLook.count_keys`; of a table of more than :data:`MOST_COUNTED` rows, so many are counted."""
        roots = dict.fromkeys(column_root(self.schema, name) for key in keys for name in key)
        plan = ReadPlan(pa.schema([self.schema.field(name) for name in roots]), None)
        batches: list[pa.RecordBatch] = []
        rows = 0
        for batch in (batch for split in self._splits for batch in read_split(split, plan)):
            batches.append(batch)
            rows += batch.num_rows
            if rows >= MOST_COUNTED:
                break
        return tuple(_count(batches, key, plan.schema, whole=rows == self.num_rows) for key in keys)


class ScannedLook:
    """A look through Spark, at what only Spark can read.

    Args:
        spark: The session.
        traffic: The table.
    """

    def __init__(self, spark: SparkSession, traffic: PinnedTraffic) -> None:
        self._spark = spark
        self._traffic = traffic
        self.schema = traffic.schema
        self.num_rows = traffic.num_rows

    def sample(self) -> pa.RecordBatch:
        """See :meth:`TableLook.sample`: some of each partition."""
        with traffic_errors(self._traffic.location):
            rows = pinned_dataframe(self._spark, self._traffic)
            if self.num_rows is not None and self.num_rows > 2 * SAMPLE_ROWS:
                rows = rows.sample(fraction=min(1.0, 1.5 * SAMPLE_ROWS / self.num_rows), seed=0)
            table = rows.limit(SAMPLE_ROWS).toArrow()
        return table.combine_chunks().to_batches()[0] if len(table) else pa.RecordBatch.from_pylist([], table.schema)

    def count_keys(self, keys: Sequence[tuple[str, ...]]) -> tuple[KeyCount, ...]:
        """See :meth:`TableLook.count_keys`: keys are told apart by their hashes."""
        from pyspark.sql import functions as F

        columns = {name: spark_column(require_column(self.schema, name)) for key in keys for name in key}
        names = scannable_roots(self._traffic, list(columns))
        counts = []
        with traffic_errors(self._traffic.location):
            rows = pinned_dataframe(self._spark, self._traffic, names)
            for key in keys:
                null = columns[key[0]].isNull()
                for name in key[1:]:
                    null = null | columns[name].isNull()
                grouped = rows.groupBy(F.xxhash64(*(columns[name] for name in key)).alias("key")).agg(
                    F.count("*").alias("rows"), F.count_if(null).alias("nulls")
                )
                [found] = grouped.agg(
                    F.sum("rows"), F.count("*"), F.sum(F.when(F.col("rows") > 1, F.col("rows"))), F.sum("nulls")
                ).collect()
                counted = [value or 0 for value in found]
                counts.append(KeyCount(key, counted[0], counted[1], counted[2], counted[3]))
        return tuple(counts)


def _count(batches: Sequence[pa.RecordBatch], key: tuple[str, ...], schema: pa.Schema, *, whole: bool) -> KeyCount:
    paths = [require_column(schema, name) for name in key]
    names = [str(place) for place in range(len(key))]
    columns = [pa.chunked_array([path.values(batch) for batch in batches], type=path.type) for path in paths]
    table = pa.Table.from_arrays(columns, names=names)
    sizes = table.group_by(names).aggregate([([], "count_all")])["count_all"].to_numpy()
    nulls = np.zeros(len(table), bool)
    for column in columns:
        nulls |= pc.is_null(column).to_numpy()
    return KeyCount(key, len(table), len(sizes), int(sizes[sizes > 1].sum()), int(nulls.sum()), whole)
