"""The pinned table as a Spark DataFrame: by Spark's own scan, or through Python where Spark refuses a column."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.errors import ConfigError, TrafficError
from replay.spark.hadoop import has_scheme
from replay.spark.read import delta_dataframe, files_dataframe
from replay.spark.sql import quoted
from replay.spark.types import spark_schema, spark_type, to_spark_types
from replay.traffic.computed.frame import add_computed
from replay.traffic.paths import column_root
from replay.traffic.read.columns import traffic_window
from replay.traffic.read.direct import ReadPlan
from replay.traffic.read.splits import make_splits
from replay.traffic.read.tasks import map_splits
from replay.traffic.selection import in_window, named_columns, select_rows, where_column, where_problem
from replay.traffic.table.footers import read_footers, spark_obstacles

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from replay.traffic.table.data_files import DataFile
    from replay.traffic.table.pinned import PinnedTraffic

MANY_FILES = 256


def pinned_dataframe(spark: SparkSession, traffic: PinnedTraffic, columns: Sequence[str] | None = None) -> DataFrame:
    """Every row of the pinned table, lazily.

    Args:
        spark: The session.
        traffic: The table.
        columns: Top-level columns that must be there (others may be too); default: all.

    Raises:
        TrafficError: Neither Spark nor pyarrow reads a column that is asked for.
    """
    needed = traffic.needed_for(traffic.schema.names if columns is None else columns)
    refused = {**_stored_otherwise(traffic), **traffic.spark_refuses}
    # Spark reads a version of a Delta table whole, and to leave out what it cannot read tells nobody how much that is.
    if any(name in refused for name in needed.logged) or (traffic.unreadable and traffic.delta_version is not None):
        logged = needed.logged or traffic.logged_schema.names[:1]
        return add_computed(_through_python(spark, traffic, logged, refused), needed.computed)
    return add_computed(_logged_dataframe(spark, traffic), needed.computed)


def _stored_otherwise(traffic: PinnedTraffic) -> dict[str, str]:
    """Columns that the files hold in an encoding or a codec that Spark lacks, each with the reason."""
    if any(has_scheme(file.path) for file in traffic.files):
        return {}
    found: dict[str, str] = {}
    for footer in read_footers([file.path for file in traffic.files[:MANY_FILES]]):
        found |= spark_obstacles(footer)
    return found


def _logged_dataframe(spark: SparkSession, traffic: PinnedTraffic) -> DataFrame:
    """Every row by Spark's own scan, without the columns that Spark refuses."""
    if traffic.format == "view":
        return spark.table(traffic.location)
    if traffic.delta_version is not None:
        return delta_dataframe(spark, traffic.location, traffic.delta_version, traffic.config.table)
    readable = pa.schema([field for field in traffic.logged_schema if field.name not in traffic.spark_refuses])
    return files_dataframe(spark, traffic.location, [file.path for file in traffic.files], readable)


def selected_dataframe(spark: SparkSession, traffic: PinnedTraffic, columns: Sequence[str] | None = None) -> DataFrame:
    """The rows that ``where``, ``window`` and ``sample`` select, lazily.

    Args:
        spark: The session.
        traffic: The table.
        columns: Top-level columns that must be there (others may be too); default: all.

    Raises:
        ConfigError: ``where`` is not valid.
    """
    dataframe = selectable_dataframe(spark, traffic, columns)
    check_where(spark, traffic)
    return select_rows(dataframe, traffic.schema, traffic.config)


def check_where(spark: SparkSession, traffic: PinnedTraffic) -> None:
    """Refuse a ``where`` that Spark cannot evaluate.

    Raises:
        ConfigError: With Spark's reason.
    """
    where = traffic.config.where
    if traffic.where is not None and traffic.where.tree is not None:
        return  # Spark has analysed it
    problem = None if where is None else where_problem(selectable_dataframe(spark, traffic, ()), where)
    if problem is not None:
        raise ConfigError([problem])


def scan_dataframe(spark: SparkSession, traffic: PinnedTraffic, columns: Sequence[str]) -> DataFrame:
    """The selected rows with just these columns: what the Spark reader feeds to ``mapInArrow``.

    Batches come as Spark makes them: timestamps are ``timestamp[us]`` labelled with the session's zone (the same
    instants), uint64 is ``decimal(20, 0)``, the rest is as in ``PinnedTraffic.schema``. A column whose
    name has a dot needs :func:`replay.spark.tasks.arrow_mapping.map_batches`.

    Args:
        spark: The session.
        traffic: The table.
        columns: Columns or paths; a path brings its whole top-level column.

    Raises:
        ConfigError: ``where`` is not valid.
        TrafficError: A column is not there, or of a type that Spark does not have at all.
    """
    roots = scannable_roots(traffic, columns)
    return selected_dataframe(spark, traffic, roots).select(*(quoted(name) for name in roots))


def scannable_roots(traffic: PinnedTraffic, columns: Sequence[str]) -> list[str]:
    """The top-level columns of columns or paths, each once.

    Raises:
        TrafficError: A column is not there, or of a type that Spark does not have at all.
    """
    roots = list(dict.fromkeys(column_root(traffic.schema, name) for name in columns))
    for name in roots:
        if spark_type(traffic.schema.field(name).type) is None:
            raise TrafficError(f"`{name}`: {traffic.spark_refuses[name]}: leave it out, or write it with another type")
    return roots


def files_in_window(spark: SparkSession, traffic: PinnedTraffic) -> tuple[DataFile, ...]:
    """The data files that may hold rows of the window, and such for which ``where`` is true.

    A large Delta table's own statistics say which, so that the footers of the rest need not be read.
    """
    if traffic.delta_version is None or len(traffic.files) <= MANY_FILES:
        return traffic.files
    conditions = _logged_conditions(traffic)
    if not conditions:
        return traffic.files
    rows = delta_dataframe(spark, traffic.location, traffic.delta_version, traffic.config.table)
    uris = rows.where(functools.reduce(operator.and_, conditions)).inputFiles()
    reached = {"/" + uri.removeprefix("file:").lstrip("/") for uri in uris}
    known = {file.path for file in (*traffic.files, *(each.file for each in traffic.unreadable))}
    return tuple(file for file in traffic.files if file.path in reached) if reached <= known else traffic.files


def _logged_conditions(traffic: PinnedTraffic) -> list[Column]:
    """What the selection asks of columns that lie in the files."""
    window, where = traffic_window(traffic), traffic.where
    inside = None if window is None or not window.logged else in_window(traffic.schema, traffic.config)
    conditions = [] if inside is None else [inside]
    if where is not None and where.tree is not None and all(traffic.is_logged(name) for name in where.reads):
        conditions.append(where_column(traffic.schema, where.sql))
    return conditions


def selectable_dataframe(spark: SparkSession, traffic: PinnedTraffic, columns: Sequence[str] | None) -> DataFrame:
    """Every row of the pinned table with the columns that are asked for and those that the selection reads."""
    if columns is None:
        return pinned_dataframe(spark, traffic)
    used = {*columns, *named_columns(traffic.schema, traffic.config)}
    return pinned_dataframe(spark, traffic, [name for name in traffic.schema.names if name in used])


def _through_python(
    spark: SparkSession, traffic: PinnedTraffic, columns: Sequence[str], refused: Mapping[str, str]
) -> DataFrame:
    """Rows that pyarrow reads, handed to Spark in types that Spark has."""
    if traffic.direct_obstacle is not None:
        reasons = "; ".join(f"`{name}`: {why}" for name, why in refused.items() if name in columns)
        raise TrafficError(
            f"{traffic.location}: {reasons}, and tasks cannot read it themselves: {traffic.direct_obstacle}"
        )
    logged = traffic.logged_schema
    target = spark_schema(pa.schema([logged.field(name) for name in columns]))
    plan = ReadPlan(pa.schema([logged.field(name) for name in target.names]), None)
    return map_splits(
        spark, plan, make_splits(traffic.files, None), lambda batches: map(to_spark_types, batches), target
    )
