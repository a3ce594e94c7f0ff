"""Rows of the other table, written as traffic: with the features that the model reads, under the traffic's names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from replay.config import RouteConfig, ServedRouteConfig, TrafficConfig
from replay.errors import ConfigError, RunFailed
from replay.flows.audit.columns import inputs_of, takes_null, types_of
from replay.flows.stages.prepare import Prepared
from replay.spark.file_systems import spark_url
from replay.spark.sql import quoted
from replay.spark.types import spark_schema
from replay.store import replace_table
from replay.traffic import PinnedSource, find_column, scan_dataframe
from replay.traffic.selection import spark_column
from replay.traffic.sources.matches import check_values
from replay.traffic.sources.types import needs_look, value_problem

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

KEY: Final = ("@content", "@number")
"""What tells rows apart: a hash of all that is read of each, and a number among those that are alike."""
SCORE: Final = "@score"
"""The online score, which is not known: null."""
LABEL: Final = "@label"
_SHARE_BITS: Final = 53


@dataclass(frozen=True)
class ReferenceColumns:
    """What is read of the other table.

    Attributes:
        types: Type of each feature that the model reads, in schema order, in which it is given.
        lacking: Why the table has no values of a feature, by feature; it is null in all rows.
        columns: Its columns or paths by the traffic's names: features, slices, and what routes and intervals need.
        label: Its column of labels, if any.
        roles: Keys of ``traffic`` that name columns which the table has too.
        obstacle: Why its rows cannot be scored; None where they can.
    """

    types: Mapping[str, pa.DataType]
    lacking: Mapping[str, str]
    columns: Mapping[str, str]
    label: str | None
    roles: Mapping[str, str]
    obstacle: str | None = None


def reference_columns(
    prepared: Prepared, source: PinnedSource, by: Iterable[str], checkpoints: Iterable[str]
) -> ReferenceColumns:
    """Find what is read of the other table.

    Args:
        prepared: The run.
        source: The other table.
        by: Columns of both tables whose values are slices.
        checkpoints: That its rows are scored by.
    """
    types, inputs, traffic = types_of(prepared), inputs_of(prepared), prepared.config.traffic
    lacking = dict(_lacking(prepared, source, types))
    needed = [name for name in lacking if not takes_null(inputs[name], name)]
    obstacle = f"the model has no default for a null of `{needed[0]}`, and {lacking[needed[0]]}" if needed else None
    roles = {
        role: name
        for role, name in (("group", traffic.group), ("weight", traffic.weight))
        if name is not None and source.column_of(name) is not None
    }
    routed = [*_columns_of_routes(prepared, checkpoints)]
    unknown = [name for name in routed if source.column_of(name) is None]
    if unknown and obstacle is None:
        obstacle = f"it has no column `{unknown[0]}`, by which rows go to checkpoints"
    features = [name for name in prepared.features if name not in lacking]
    wanted = dict.fromkeys([*features, *by, *roles.values(), *routed])
    columns = {name: source.config.name_of(name) for name in wanted}
    return ReferenceColumns(
        {name: types[name] for name in prepared.features},
        lacking,
        columns,
        source.table.config.label,
        roles,
        None if obstacle is None else f"the rows of {source.name} cannot be scored: {obstacle}",
    )


def _lacking(prepared: Prepared, source: PinnedSource, types: Mapping[str, pa.DataType]) -> Iterator[tuple[str, str]]:
    """Features of which the table has no values that the model can be given, each with the reason."""
    looked = {}
    for name in prepared.features:
        path = source.column_of(name)
        if path is None:
            yield name, f"{source.name} has no such column"
        elif (why := value_problem(types[name], path.type)) is not None:
            yield name, f"the model cannot be given its values: {why}"
        elif needs_look(types[name], path.type):
            looked[name] = types[name]
    if _value_problem(prepared.spark, source, looked) is not None:
        found = {name: _value_problem(prepared.spark, source, {name: kind}) for name, kind in looked.items()}
        yield from ((name, f"the model cannot be given its values: {why}") for name, why in found.items() if why)


def _value_problem(spark: SparkSession, source: PinnedSource, types: Mapping[str, pa.DataType]) -> str | None:
    if not types:
        return None
    try:
        check_values(spark, source, types)
    except ConfigError as error:
        return error.problems[0].message
    return None


def _columns_of_routes(prepared: Prepared, checkpoints: Iterable[str]) -> Iterator[str]:
    """Columns that say which checkpoint scores a row."""
    config = prepared.config
    for name in checkpoints:
        entry = config.all_checkpoints[name]
        if isinstance(entry, RouteConfig):
            yield from entry.by
        elif isinstance(entry, ServedRouteConfig) and config.traffic.served_by is not None:
            yield config.traffic.served_by.column


def write_rows(
    prepared: Prepared, source: PinnedSource, columns: ReferenceColumns, share: float, path: str
) -> TrafficConfig:
    """Write a share of the selected rows, the same ones however the table is cut.

    Args:
        prepared: The run that is going on.
        source: The other table.
        columns: What is read of it.
        share: Of the values of its group where it has one, else of rows that are alike.
        path: A directory in the run's output.

    Returns:
        Section ``traffic`` of what was written.
    """
    read = [*columns.columns.values(), *([] if columns.label is None else [columns.label])]
    rows = scan_dataframe(prepared.spark, source.table, read)
    rows = _keyed(rows.select(*_values(source, columns)), columns.roles.get("group"), share)
    path = _write(prepared.spark, rows, path)
    traffic = prepared.config.traffic
    return TrafficConfig(
        path=path,
        key=KEY,
        score=SCORE,
        label=None if columns.label is None else LABEL,
        group=columns.roles.get("group"),
        weight=columns.roles.get("weight"),
        served_by=traffic.served_by
        if traffic.served_by is not None and traffic.served_by.column in columns.columns
        else None,
    )


def _write(spark: SparkSession, rows: DataFrame, path: str) -> str:
    """Write rows; through this process where Spark has no file system for the output. Returns where they are read."""
    try:
        location = spark_url(spark, path)
    except RunFailed:
        replace_table(spark, rows.toArrow(), path, "reference")
        return path
    rows.write.mode("overwrite").parquet(location)
    return location


def _values(source: PinnedSource, columns: ReferenceColumns) -> Iterator[Column]:
    """Features in the order of the schema and in its types, then whatever else is read."""
    from pyspark.sql import functions as F

    schema = source.table.schema
    for name, kind in columns.types.items():
        (field,) = spark_schema(pa.schema([(name, kind)])).fields
        column = F.lit(None) if name in columns.lacking else _column(schema, columns.columns[name])
        yield column.cast(field.dataType).alias(name)
    for name, theirs in columns.columns.items():
        if name not in columns.types:
            yield _column(schema, theirs).alias(name)
    if columns.label is not None:
        yield _column(schema, columns.label).alias(LABEL)
    yield F.lit(None).cast("double").alias(SCORE)


def _column(schema: pa.Schema, name: str) -> Column:
    path = find_column(schema, name)
    assert path is not None, name
    return spark_column(path)


def _keyed(rows: DataFrame, group: str | None, share: float) -> DataFrame:
    """Some rows, each with a key of its own: of rows that are alike in everything, any order is alike."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    content, number = KEY
    read = [F.col(quoted(name)) for name in rows.columns]
    rows = rows.withColumn(content, F.xxhash64(*read))
    if share < 1.0:
        drawn = F.col(quoted(content)) if group is None else F.xxhash64(F.col(quoted(group)))
        rows = rows.where(F.shiftrightunsigned(drawn, 64 - _SHARE_BITS) < int(share * 2**_SHARE_BITS))
    alike = Window.partitionBy(quoted(content)).orderBy(quoted(content))
    return rows.withColumn(number, F.row_number().over(alike))
