"""Selected rows with what Spark computes beside them: conditions, and older values of their entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replay.errors import Problem
from replay.spark.sql import quoted
from replay.traffic.computed.frame import expression
from replay.traffic.history import StaleColumn, stale_dataframe
from replay.traffic.paths import column_root
from replay.traffic.read.scan import pinned_dataframe, scan_dataframe, scannable_roots, selected_dataframe
from replay.traffic.selection import columns_in, where_problem
from replay.traffic.sources.joined import JoinedTable, join_sources, key_columns_beside

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from replay.traffic.table.pinned import PinnedTraffic


@dataclass(frozen=True)
class WhereColumn:
    """A condition as a column.

    Attributes:
        name: Of the column.
        where: Spark SQL over the logged table.
    """

    name: str
    where: str


def side_dataframe(
    spark: SparkSession,
    traffic: PinnedTraffic,
    columns: Sequence[str],
    where: Sequence[WhereColumn],
    stale: Sequence[StaleColumn],
    joined: Sequence[JoinedTable] = (),
) -> DataFrame:
    """The rows of :func:`scan_dataframe`, each once, with side columns; rows come in any order.

    A stale column holds what the newest row of the entity held whose time is at most the row's time less the lag. It is
    looked for in the whole pinned table, not only in the rows that ``traffic.where``, ``window`` and ``sample`` select.
    Of several rows at one time the one with the largest hash of its key counts. A null that was logged is a null, and
    so is what has no history: no such row, a row without entity or without time. :func:`known_name` tells them apart.

    Args:
        spark: The session.
        traffic: The pinned table.
        columns: As for :func:`scan_dataframe`.
        where: Conditions; a null is False.
        stale: Older values, in Spark's types as :func:`scan_dataframe` gives them.
        joined: Values of other tables, in Spark's types of theirs.

    Returns:
        The logged columns, ``where``, ``stale``, then a boolean column :func:`known_name` for each lag, shortest first;
        then for each table its columns, and whether the row has one there.

    Raises:
        ConfigError: ``traffic.where`` is not valid, or the traffic names no entity or time for ``stale``.
        TrafficError: A column is not there, or of a type that Spark does not have at all.
    """
    if not where and not stale and not joined:
        return scan_dataframe(spark, traffic, columns)
    roots = scannable_roots(traffic, columns)
    keys = key_columns_beside(traffic, joined)
    wanted = _columns(roots, where) | keys
    named = {name for column in where for name in columns_in(traffic.schema, column.where)}
    named |= {column_root(traffic.schema, name) for table in joined for name in table.source.config.key}
    reads = list(dict.fromkeys([*roots, *(name for name in traffic.schema.names if name in named)]))
    if stale:
        rows = stale_dataframe(spark, traffic, wanted, reads, stale)
    else:
        rows = selected_dataframe(spark, traffic, reads)
        rows = rows.select(*(column.alias(name) for name, column in wanted.items()))
    if not joined:
        return rows
    return join_sources(spark, traffic, rows, [name for name in rows.columns if name not in keys], joined)


def _columns(roots: Sequence[str], where: Sequence[WhereColumn]) -> dict[str, Column]:
    from pyspark.sql import functions as F

    logged = {name: F.col(quoted(name)) for name in roots}
    return logged | {column.name: F.coalesce(expression(column.where), F.lit(False)) for column in where}


def side_problem(spark: SparkSession, traffic: PinnedTraffic, where: str, path: str) -> Problem | None:
    """What keeps Spark from evaluating a condition over the logged table, or None; no job runs.

    Args:
        spark: The session.
        traffic: The pinned table.
        where: Spark SQL.
        path: Its place in the config, such as ``scenarios.late[0].where``.
    """
    named = columns_in(traffic.schema, where)
    table = pinned_dataframe(spark, traffic, [name for name in traffic.schema.names if name in named])
    return where_problem(table, where, path, path.removesuffix("where") + "rate")
