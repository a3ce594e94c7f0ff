"""The traffic's rows side by side with what another table has for their keys, as tasks get them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from replay.audit.row_differences import PairedRows
from replay.config import TrafficConfig
from replay.features import feature_column
from replay.metrics.cluster import hash_groups
from replay.scenarios import row_keys
from replay.scoring.core import to_utc
from replay.spark.sql import quoted
from replay.traffic import PinnedSource, PinnedTraffic, SplitPlan, plan_splits
from replay.traffic.sources.indexed.beside import partner_columns
from replay.traffic.sources.indexed.index import SourceIndex
from replay.traffic.sources.matches import key_columns_of, source_dataframe

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

THERE = "@"
"""Comes before the names of the other table's columns, where both are in one row."""
MATCHED = "@@matched"
_OUR_KEY, _THEIR_KEY = "@@our key ", "@@their key "
KEY = "key "
TIME, ENTITY = "time", "entity"


@dataclass(frozen=True)
class PairedColumns:
    """What is read of the two tables. Picklable.

    Attributes:
        traffic: The traffic's section.
        segments: Its columns whose values are slices.
        here: Its top-level columns.
        there: The other table's.
        names: The other table's column or path, by feature.
        value_times: Where it says when a feature's value was computed.
        statuses: Where it says why a feature's value is missing.
        meanings: What a status means, by its text.
        known_at: Where it says when a row could be known.
        absent: Features that the other table does not have.
    """

    traffic: TrafficConfig
    segments: tuple[str, ...]
    here: tuple[str, ...]
    there: tuple[str, ...]
    names: Mapping[str, str]
    value_times: Mapping[str, str]
    statuses: Mapping[str, str]
    meanings: Mapping[str, str]
    known_at: str | None = None
    absent: tuple[str, ...] = ()


def paired_dataframe(
    spark: SparkSession, rows: DataFrame, traffic: PinnedTraffic, source: PinnedSource, columns: PairedColumns
) -> DataFrame:
    """Join the selected rows of the other table to the traffic's, each of which comes once.

    Args:
        spark: The session.
        rows: The traffic's selected rows.
        traffic: The pinned traffic.
        source: The other table, whose keys are unique.
        columns: What is read of both.
    """
    from pyspark.sql import functions as F

    ours, theirs = key_columns_of(traffic, source)
    there = [F.col(quoted(name)).alias(f"{THERE}{name}") for name in columns.there]
    keys = [key.alias(f"{_THEIR_KEY}{place}") for place, key in enumerate(theirs)]
    other = source_dataframe(spark, source, columns.there).select(*there, *keys, F.lit(True).alias(MATCHED))
    own = rows.select(
        *(quoted(name) for name in columns.here), *(key.alias(f"{_OUR_KEY}{place}") for place, key in enumerate(ours))
    )
    conditions = [F.col(f"`{_OUR_KEY}{place}`") == F.col(f"`{_THEIR_KEY}{place}`") for place in range(len(ours))]
    joined = own.join(other, on=conditions, how="left")
    names = (*columns.here, *(f"{THERE}{name}" for name in columns.there), MATCHED)
    return joined.select(*(quoted(name) for name in names))


def paired_splits(
    spark: SparkSession, traffic: PinnedTraffic, source: PinnedSource, index: SourceIndex, columns: PairedColumns
) -> SplitPlan:
    """The same rows as tasks read them, which find the other table's in an index.

    Args:
        spark: The session.
        traffic: The pinned traffic, which tasks can read.
        source: The other table.
        index: Of it, with the columns that are read.
        columns: What is read of both.
    """
    there = {f"{THERE}{name}": name for name in columns.there}
    partners = partner_columns(traffic.schema, source, index, there, MATCHED)
    return plan_splits(spark, traffic, columns.here, lookups=[partners])


def paired_rows(batch: pa.RecordBatch, columns: PairedColumns) -> PairedRows:
    """A batch of the joined rows, as the comparison takes it."""
    here, there = split_sides(batch)
    traffic, group = columns.traffic, columns.traffic.group
    keys = row_keys([feature_column(here, name) for name in traffic.key])
    matched = batch.column(MATCHED).fill_null(False).to_numpy(zero_copy_only=False)
    return PairedRows(
        keys,
        keys if group is None else hash_groups(feature_column(here, group)),
        np.asarray(matched),
        {name: feature_column(here, name) for name in columns.segments},
        {name: feature_column(here, name) for name in (*columns.names, *columns.absent)},
        {**_named(there, columns.names), **dict.fromkeys(columns.absent, pa.nulls(batch.num_rows))},
        pa.RecordBatch.from_pydict(dict(_beside(here, traffic))),
        {name: meanings_of(column, columns.meanings) for name, column in _named(there, columns.statuses).items()},
        {name: to_utc(column, None) for name, column in _named(there, columns.value_times).items()},
    )


def split_sides(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The traffic's columns of joined rows, and the other table's under their own names."""
    theirs = [name for name in batch.schema.names if name.startswith(THERE) and name != MATCHED]
    ours = [name for name in batch.schema.names if not name.startswith(THERE)]
    there = batch.select(theirs).rename_columns([name.removeprefix(THERE) for name in theirs])
    return batch.select(ours), there


def _named(batch: pa.RecordBatch, names: Mapping[str, str]) -> dict[str, pa.Array]:
    return {feature: feature_column(batch, name) for feature, name in names.items()}


def _beside(here: pa.RecordBatch, traffic: TrafficConfig) -> Iterator[tuple[str, pa.Array]]:
    yield from ((f"{KEY}{name}", feature_column(here, name)) for name in traffic.key)
    if traffic.time is not None:
        yield TIME, to_utc(feature_column(here, traffic.time.column), traffic.time.unit).cast(pa.int64())
    if traffic.entity is not None:
        yield ENTITY, feature_column(here, traffic.entity)


def meanings_of(column: pa.Array, meanings: Mapping[str, str]) -> pa.Array:
    """What the codes of a column mean; a code that is unknown is told as it is."""
    encoded = column.cast(pa.string()).dictionary_encode()
    values = [None if code is None else meanings.get(code, code) for code in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(values, pa.string())).dictionary_decode()


def text_keys(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], ...]:
    """The keys of example rows, as text."""
    return tuple(
        {name.removeprefix(KEY): str(value) for name, value in row.items() if name.startswith(KEY)} for row in rows
    )
