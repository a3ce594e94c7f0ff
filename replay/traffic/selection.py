"""``where``, ``window`` and ``sample`` as Spark conditions."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.config import Sample, TrafficConfig
from replay.errors import Problem
from replay.spark.analysis import has_subquery, is_deterministic
from replay.spark.errors import one_line, unlogged
from replay.spark.sql import quoted, text_literal
from replay.traffic.computed.frame import expression
from replay.traffic.paths import ColumnPath, find_column, require_column
from replay.traffic.read.selecting.filters import sample_threshold
from replay.traffic.read.selecting.window import time_filter

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_INT64_MAX = 2**63 - 1
_WHERE = "traffic.where"
_SAMPLE = "traffic.sample"


def spark_column(path: ColumnPath) -> Column:
    """A column or path as Spark's column."""
    from pyspark.sql import functions as F

    column = F.col(quoted(path.root))
    for step in path.steps:
        column = column.getItem(step.name) if step.in_map else column.getField(str(step.name))
    return column


def in_window(schema: pa.Schema, config: TrafficConfig) -> Column | None:
    """Rows of the window [start, end), or None where the config has no window.

    The bounds are literals of the column's own kind (with a zone, without one, integer), so that the session's time
    zone plays no part and the condition is pushed down to the files.
    """
    from pyspark.sql import functions as F

    window = time_filter(schema, config)
    if window is None or config.window is None:
        return None
    column = spark_column(window.column)
    if pa.types.is_timestamp(window.column.type):
        has_zone = window.column.type.tz is not None
        start, end = (
            None if moment is None else F.expr(_timestamp_literal(moment, has_zone))
            for moment in (config.window.start, config.window.end)
        )
    else:
        start, end = (None if tick is None else _tick_literal(tick) for tick in (window.lower, window.upper))
    conditions = [*([] if start is None else [column >= start]), *([] if end is None else [column < end])]
    return functools.reduce(operator.and_, conditions)


def _timestamp_literal(moment: datetime, has_zone: bool) -> str:
    text = moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return f"TIMESTAMP_LTZ'{text}Z'" if has_zone else f"TIMESTAMP_NTZ'{text}'"


def _tick_literal(tick: int) -> Column:
    """An integer of any size: nanoseconds of a far year are more than a long holds."""
    from pyspark.sql import functions as F

    return F.lit(tick) if abs(tick) <= _INT64_MAX else F.lit(Decimal(tick))


def in_sample(schema: pa.Schema, sample: Sample, key: Sequence[str]) -> Column | None:
    """Rows whose ``xxhash64`` of the ``by`` columns, as an unsigned share of 2^64, is below the rate.

    A higher rate keeps every row that a lower one keeps. None where the rate is 1.
    """
    from pyspark.sql import functions as F

    threshold = sample_threshold(sample.rate)
    if threshold is None:
        return None
    columns = [spark_column(require_column(schema, name)) for name in sample.by or key]
    return F.xxhash64(*columns) < F.lit(threshold)


def select_rows(dataframe: DataFrame, schema: pa.Schema, config: TrafficConfig) -> DataFrame:
    """Keep the rows that the config selects."""
    for part in _conditions(schema, config):
        dataframe = dataframe.where(part)
    return dataframe


def leave_rows(dataframe: DataFrame, schema: pa.Schema, config: TrafficConfig) -> DataFrame | None:
    """Keep the rows that :func:`select_rows` drops; None where the config selects every row."""
    from pyspark.sql import functions as F

    conditions = _conditions(schema, config)
    if not conditions:
        return None
    selected = functools.reduce(operator.and_, conditions)
    return dataframe.where(~F.coalesce(selected, F.lit(False)))


def _conditions(schema: pa.Schema, config: TrafficConfig) -> list[Column]:
    """What a selected row fulfils; nothing where every row is selected."""
    where = None if config.where is None else where_column(schema, config.where)
    window = in_window(schema, config)
    sample = in_sample(schema, config.sample, config.key) if config.sample is not None else None
    return [part for part in (where, window, sample) if part is not None]


def where_column(schema: pa.Schema, where: str) -> Column:
    """A condition as Spark's column, so that Spark selects the same rows whatever files they lie in.

    To Spark NaN is greater than every number and equals itself. But no statistics count it, and where a comparison is
    pushed down to the files, Spark skips row groups by those: of floats none is.
    """
    from pyspark.sql import functions as F

    floats = any(_has_float(schema.field(name).type) for name in columns_in(schema, where))
    return F.coalesce(expression(where), F.lit(False)) if floats else expression(where)


def _has_float(dtype: pa.DataType) -> bool:
    if pa.types.is_nested(dtype):
        return any(_has_float(dtype.field(place).type) for place in range(dtype.num_fields))
    return bool(pa.types.is_floating(dtype))


def slice_condition(schema: pa.Schema, segments: Mapping[str, str | None]) -> str:
    """The rows of a slice, as a condition in Spark SQL that does not depend on how a session is set.

    Args:
        schema: The pinned table's.
        segments: By column or path its value, as Spark casts it to text; None is a null.

    >>> schema = pa.schema([("context", pa.struct([("surface", pa.string())])), ("day", pa.date32())])
    >>> slice_condition(schema, {"context.surface": "home", "day": "2026-11-20"})
    "`context`.`surface` = 'home' AND CAST(`day` AS STRING) = '2026-11-20'"
    """
    return " AND ".join(_equals(require_column(schema, name), value) for name, value in segments.items())


def _equals(path: ColumnPath, value: str | None) -> str:
    if value is None:
        return f"{path.sql} IS NULL"
    is_text = pa.types.is_string(path.type) or pa.types.is_large_string(path.type)
    return f"{path.sql if is_text else f'CAST({path.sql} AS STRING)'} = {text_literal(value)}"


def where_problem(dataframe: DataFrame, where: str, path: str = _WHERE, instead: str = _SAMPLE) -> Problem | None:
    """What is wrong with a condition, found by analysing it over the table: no job runs.

    Args:
        dataframe: The pinned table.
        where: Spark SQL.
        path: Where in the config it stands.
        instead: The setting that picks rows at random.
    """
    from pyspark.errors import AnalysisException, ParseException

    try:
        with unlogged():
            condition = expression(where)
            _ = dataframe.where(condition).schema
            beyond = has_subquery(dataframe, where)
            deterministic = beyond or is_deterministic(dataframe, condition)
    except (AnalysisException, ParseException) as error:
        return Problem(f"Spark refuses {where!r}: {one_line(str(error))}", path=path)
    if beyond:
        return Problem(
            f"{where!r} has a subquery, and what that reads is not pinned: expected a condition on the row alone; "
            "join it into the traffic, or list the values",
            path=path,
        )
    if not deterministic:
        return Problem(
            f"{where!r} selects other rows in each run: expected a condition on the row alone; for a sample use "
            f"`{instead}`",
            path=path,
        )
    return None


def named_columns(schema: pa.Schema, config: TrafficConfig) -> set[str]:
    """Top-level columns that the selection reads; for ``where``, every column whose name occurs in it."""
    names = [] if config.sample is None else [*(config.sample.by or config.key)]
    if config.time is not None and config.window is not None:
        names.append(config.time.column)
    found = (find_column(schema, name) for name in names)
    roots = {path.root for path in found if path is not None}
    return roots | columns_in(schema, config.where or "")


def columns_in(schema: pa.Schema, where: str) -> set[str]:
    """Top-level columns whose name occurs in a condition, as it is or between backquotes."""
    spelled = {name: f"{re.escape(name)}|{re.escape(quoted(name)[1:-1])}" for name in schema.names}
    return {name for name, either in spelled.items() if re.search(rf"(?<!\w)(?:{either})(?!\w)", where, re.I)}
