"""A few rows by their keys, with any columns: the worst rows of a diff, or the one that a person asks for."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from replay.errors import TrafficError
from replay.spark.errors import traffic_errors
from replay.spark.guest import arrow_dataframe
from replay.spark.sql import quoted
from replay.spark.tasks.arrow_mapping import pack_batches, unpack_batches
from replay.spark.types import to_spark_type, to_spark_types
from replay.traffic.computed.column import ComputedColumn
from replay.traffic.paths import ColumnPath, column_root, require_column
from replay.traffic.read.columns import plan_reading, traffic_window
from replay.traffic.read.direct import Piece, ReadPlan, RowLookup, Split, read_split
from replay.traffic.read.scan import files_in_window, selected_dataframe
from replay.traffic.read.selecting.skipping import skipping
from replay.traffic.read.splits import make_splits
from replay.traffic.read.tasks import ask_splits
from replay.traffic.selection import spark_column

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from replay.traffic.table.pinned import PinnedTraffic


class RowFinder(Protocol):
    """Says which rows are looked for."""

    def rows(self, batch: pa.RecordBatch) -> list[int]:
        """Places of the wanted rows in a batch of the columns that it looks at."""


@dataclass(frozen=True)
class _Wanted:
    """The keys that are looked for.

    Attributes:
        key: The key's columns.
        values: For each, the values that any wanted key has there; typed as logged.
        tuples: The keys.
    """

    key: tuple[ColumnPath, ...]
    values: tuple[pa.Array, ...]
    tuples: frozenset[tuple[Hashable, ...]]

    def rows(self, batch: pa.RecordBatch) -> list[int]:
        """Places of the wanted rows in a batch."""
        columns = [as_stored(path.values(batch)) for path in self.key]
        likely = pc.is_in(columns[0], value_set=self.values[0])
        for column, values in zip(columns[1:], self.values[1:], strict=True):
            likely = pc.and_(likely, pc.is_in(column, value_set=values))
        places = pc.indices_nonzero(likely)
        found = zip(*(_comparable(column.take(places)) for column in columns), strict=True)
        return [place for place, values in zip(places.to_pylist(), found, strict=True) if values in self.tuples]


def find_rows(
    spark: SparkSession,
    traffic: PinnedTraffic,
    keys: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    beside: Sequence[ComputedColumn] = (),
    lookups: Sequence[RowLookup] = (),
) -> pa.Table:
    """Find selected rows by key.

    On the direct path tasks read the key columns first, and the other columns only of row groups that hold a match.

    Args:
        spark: The session.
        traffic: The pinned table.
        keys: For each row wanted, a value for every key column; text is read as the column's type.
        columns: Top-level columns to return, or paths, which bring their whole column. The key's columns are added.
        beside: Conditions that tasks evaluate, of a table that they read; each comes as a column behind them.
        lookups: What such tasks find elsewhere, behind these.

    Returns:
        The rows that are there, in the order of the keys. A key without a row has none in it.

    Raises:
        TrafficError: A column is not there, or a value cannot be one of its column's.
    """
    key = tuple(require_column(traffic.schema, name) for name in traffic.config.key)
    roots = dict.fromkeys([*(path.root for path in key), *(column_root(traffic.schema, name) for name in columns)])
    schema = pa.schema([traffic.schema.field(name) for name in roots])
    if not keys:
        return schema.empty_table()
    wanted = _wanted(key, keys)
    with traffic_errors(traffic.location):
        if traffic.direct_problem is None:
            found = _read_direct(spark, traffic, wanted, plan_reading(traffic, schema.names, beside, lookups))
        else:
            found = _read_scan(spark, traffic, wanted, schema)
    return _in_order(found, wanted, keys)


def _wanted(key: tuple[ColumnPath, ...], keys: Sequence[Mapping[str, Any]]) -> _Wanted:
    values = tuple(as_stored(pa.array([_typed(path, row) for row in keys], path.type)) for path in key)
    return _Wanted(key, values, frozenset(zip(*map(_comparable, values), strict=True)))


def as_stored(values: pa.Array) -> pa.Array:
    """Values of a key as the scores table has them, from which rows are asked for: to the microsecond."""
    nanoseconds = pa.types.is_timestamp(values.type) and values.type.unit == "ns"
    return to_spark_type(values, pa.timestamp("us", tz=values.type.tz)) if nanoseconds else values


def _typed(path: ColumnPath, row: Mapping[str, Any]) -> Any:
    if path.name not in row:
        raise TrafficError(f"the key has no `{path.name}`: give a value for every column of `traffic.key`")
    value = row[path.name]
    try:
        if isinstance(value, datetime) and value.tzinfo is None and pa.types.is_timestamp(path.type) and path.type.tz:
            value = value.replace(tzinfo=UTC)
        if isinstance(value, Decimal) and pa.types.is_integer(path.type):
            value = int(value)  # how Spark, and so the scores table, has unsigned 64-bit integers
        if isinstance(value, str) and not pa.types.is_string(path.type):
            return _parsed(value, path.type)
        return pa.scalar(value, path.type).as_py()
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise TrafficError(f"key column `{path.name}` is {path.type}: {value!r} cannot be one of its values") from error


def _parsed(text: str, dtype: pa.DataType) -> Any:
    """Read a text as a value; a time without a zone is UTC, and ``0x`` and hex digits are bytes."""
    if pa.types.is_binary(dtype) and text.startswith("0x"):
        return bytes.fromhex(text.removeprefix("0x"))
    if not pa.types.is_timestamp(dtype):
        return pa.scalar(text).cast(dtype).as_py()
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment if dtype.tz is not None else moment.replace(tzinfo=None)


def _comparable(array: pa.Array) -> list[Hashable]:
    """Values that compare as keys do: NaN equals itself, times are whole units."""
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    return ["NaN" if isinstance(value, float) and value != value else value for value in array.to_pylist()]


def _read_direct(spark: SparkSession, traffic: PinnedTraffic, wanted: _Wanted, whole: ReadPlan) -> pa.Table:
    splits = make_splits(files_in_window(spark, traffic), traffic_window(traffic), skipping=skipping(traffic))
    roots = list(dict.fromkeys(path.root for path in wanted.key))
    given = (plan_reading(traffic, roots), whole, wanted)
    found = ask_splits(spark, splits, given, lambda split, given: pack_batches(find_in_split(split, *given)))
    return pa.Table.from_batches([batch for packed in found for batch in unpack_batches(packed)], whole.schema)


def find_in_split(split: Split, key_plan: ReadPlan, full_plan: ReadPlan, wanted: RowFinder) -> Iterator[pa.RecordBatch]:
    """The wanted rows of a split: of each row group what is looked at first, the rest only where there is a match.

    Args:
        split: Where to look.
        key_plan: How the columns that ``wanted`` looks at are read.
        full_plan: How the same rows are read with all columns.
        wanted: What is looked for.
    """
    for piece in (part for whole in split.pieces for part in _by_row_group(whole)):
        alone = Split((piece,), piece.num_rows)
        places: list[int] = []
        first = 0
        for batch in read_split(alone, key_plan):
            places.extend(first + place for place in wanted.rows(batch))
            first += batch.num_rows
        if places:
            yield from _take(read_split(alone, full_plan), places)


def _by_row_group(piece: Piece) -> Iterator[Piece]:
    return (replace(piece, row_groups=(group,)) for group in piece.row_groups)


def _take(batches: Iterable[pa.RecordBatch], places: Sequence[int]) -> Iterator[pa.RecordBatch]:
    first = 0
    for batch in batches:
        inside = [place - first for place in places if first <= place < first + batch.num_rows]
        if inside:
            yield batch.take(pa.array(inside, pa.int64()))
        first += batch.num_rows


def _read_scan(spark: SparkSession, traffic: PinnedTraffic, wanted: _Wanted, schema: pa.Schema) -> pa.Table:
    """Let Spark find the rows: a filter that it pushes down to the files, then the exact keys by a join."""
    from pyspark.sql import functions as F

    names = [f"key {place}" for place in range(len(wanted.key))]
    listed = to_spark_types(pa.RecordBatch.from_arrays(list(wanted.values), names))
    keys = arrow_dataframe(spark, pa.Table.from_batches([listed])).distinct()
    rows = selected_dataframe(spark, traffic, schema.names)
    match = F.lit(True)
    for path, name in zip(wanted.key, names, strict=True):
        match = match & spark_column(path).eqNullSafe(F.col(quoted(name)))
    found = rows.join(F.broadcast(keys), match, "left_semi").select(*(quoted(name) for name in schema.names))
    table = found.toArrow()
    return table.cast(pa.schema([_scanned_field(field, table.schema) for field in schema]))


def _scanned_field(field: pa.Field, scanned: pa.Schema) -> pa.Field:
    """The pinned type; nanoseconds, which Spark has not, stay microseconds."""
    dtype = scanned.field(field.name).type
    keeps = pa.types.is_nested(dtype) or (pa.types.is_timestamp(field.type) and field.type.unit == "ns")
    return pa.field(field.name, dtype if keeps else field.type)


def _in_order(found: pa.Table, wanted: _Wanted, keys: Sequence[Mapping[str, Any]]) -> pa.Table:
    order = {values: place for place, values in reversed(list(enumerate(_tuples(wanted.values))))}
    if found.num_rows == 0:
        return found
    batch = found.combine_chunks().to_batches()[0]
    ranks = [order.get(values, len(keys)) for values in _tuples([as_stored(path.values(batch)) for path in wanted.key])]
    # Of copies the first: they say the same.
    first = {rank: row for row, rank in reversed(list(enumerate(ranks)))}
    return found.take(pa.array([row for _, row in sorted(first.items())], pa.int64()))


def _tuples(columns: Sequence[pa.Array]) -> list[tuple[Hashable, ...]]:
    return list(zip(*map(_comparable, columns), strict=True))
