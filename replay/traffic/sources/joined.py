"""Rows of the traffic with what other tables hold for their keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay.errors import TrafficError
from replay.spark.sql import quoted
from replay.traffic.selection import spark_column
from replay.traffic.sources.matches import key_columns_of, source_dataframe
from replay.traffic.sources.pinned_source import PinnedSource

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from replay.traffic.table.pinned import PinnedTraffic


@dataclass(frozen=True)
class JoinedColumn:
    """What another table holds of a feature, as a column.

    Attributes:
        name: Of the column.
        source: The table's name.
        feature: As the traffic calls it.
    """

    name: str
    source: str
    feature: str


@dataclass(frozen=True)
class JoinedTable:
    """What is taken of another table.

    Attributes:
        source: The table; :func:`~replay.traffic.sources.matches.check_source` has found each key once.
        matched: Name of the boolean column that says which rows of the traffic have a row there.
        columns: What else is taken.
    """

    source: PinnedSource
    matched: str
    columns: tuple[JoinedColumn, ...] = ()


def key_columns_beside(traffic: PinnedTraffic, tables: Iterable[JoinedTable]) -> dict[str, Column]:
    """What the rows must carry until they are joined, by names of their own.

    Args:
        traffic: The pinned traffic.
        tables: To be joined.
    """
    found = {}
    for table in tables:
        for place, column in enumerate(key_columns_of(traffic, table.source)[0]):
            found[_key_name(table, place)] = column
    return found


def join_sources(
    spark: SparkSession,
    traffic: PinnedTraffic,
    rows: DataFrame,
    columns: Sequence[str],
    tables: Sequence[JoinedTable],
) -> DataFrame:
    """Put what other tables hold beside rows; each row stays once, and keeps its values.

    Args:
        spark: The session.
        traffic: The pinned traffic.
        rows: With ``columns`` and those of :func:`key_columns_beside`.
        columns: What is kept of the rows.
        tables: To be joined.

    Returns:
        ``columns``, then for each table its columns, null in rows without a match, and the one that says which match.

    Raises:
        TrafficError: A table has no such column.
    """
    from pyspark.sql import functions as F

    for table in tables:
        other = _values(spark, traffic, table)
        pairs = [
            F.col(quoted(_key_name(table, place))) == F.col(quoted(_their_key(table, place)))
            for place in range(len(table.source.config.key))
        ]
        matching = pairs[0]
        for pair in pairs[1:]:
            matching = matching & pair
        rows = rows.join(other, matching, "left")
    taken: list[Column] = []
    for table in tables:
        taken.extend(F.col(quoted(column.name)) for column in table.columns)
        taken.append(F.coalesce(F.col(quoted(table.matched)), F.lit(False)).alias(table.matched))
    return rows.select(*(F.col(quoted(name)) for name in columns), *taken)


def _values(spark: SparkSession, traffic: PinnedTraffic, table: JoinedTable) -> DataFrame:
    """The other table's rows: their key, their values, and that they are there."""
    from pyspark.sql import functions as F

    source = table.source
    paths = {column.name: source.column_of(column.feature) for column in table.columns}
    missing = [column.feature for column in table.columns if paths[column.name] is None]
    if missing:
        raise TrafficError(f"source `{source.name}` has no column for `{missing[0]}`")
    found = {name: path for name, path in paths.items() if path is not None}
    rows = source_dataframe(spark, source, [path.name for path in found.values()])
    key = [column.alias(_their_key(table, place)) for place, column in enumerate(key_columns_of(traffic, source)[1])]
    values = [spark_column(path).alias(name) for name, path in found.items()]
    return rows.select(*key, *values, F.lit(True).alias(table.matched))


def _key_name(table: JoinedTable, place: int) -> str:
    return f"replay:key:{table.source.name}:{place}"


def _their_key(table: JoinedTable, place: int) -> str:
    return f"replay:key there:{table.source.name}:{place}"
