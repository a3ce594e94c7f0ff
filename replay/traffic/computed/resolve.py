"""``traffic.columns`` and conditions against a pinned table: what Spark makes of each, and what tasks can evaluate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from replay.config.sections.traffic import TimeColumn
from replay.errors import EXIT_REFUSED, ConfigError, Problem
from replay.spark.access import gives_jvm
from replay.spark.analysis import AnalysedExpression, ExpressionNode, analyse_expression
from replay.spark.errors import one_line, unlogged
from replay.spark.sql import text_literal
from replay.spark.types import readable_schema
from replay.traffic.computed import event_time
from replay.traffic.computed.allowed import ALLOWED
from replay.traffic.computed.column import WHERE, ComputedColumn, nodes, renamed, with_computed
from replay.traffic.computed.evaluate import obstacle
from replay.traffic.computed.frame import expression
from replay.traffic.computed.unseen import UNSEEN, unseen_column
from replay.traffic.paths import find_column
from replay.traffic.read.scan import pinned_dataframe
from replay.traffic.selection import columns_in

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from replay.config import TrafficConfig
    from replay.traffic.table.pinned import PinnedTraffic

PLACE: Final = "traffic.columns"
_SUBQUERIES: Final = ("Subquery", "Exists", "ListQuery")
_BEYOND: Final = {
    "Aggregate": "an aggregate sums up many rows",
    "Window": "a window function reads other rows",
    "Generate": "a generator makes several rows of one",
}
_TODAY: Final = r"\s*(now|today|tomorrow|yesterday)\b"
_TYPED_TODAY: Final = re.compile(rf"\b(date|timestamp(_ltz|_ntz)?)\s*['\"]{_TODAY}", re.I)


def compute_columns(spark: SparkSession, traffic: PinnedTraffic) -> PinnedTraffic:
    """The pinned table with the columns that its config computes, and with an event time that is a timestamp.

    Raises:
        ConfigError: Spark cannot make sense of a column, or it is one that is refused; all such columns at once.
    """
    problems: list[Problem] = []
    failed: set[str] = set()
    for name, sql in traffic.config.columns.items():
        if failed and columns_in(pa.schema([(each, pa.null()) for each in failed]), sql):
            failed.add(name)
            continue
        found = _clash(traffic, name) or _resolve(spark, traffic, name, sql, f"{PLACE}.{name}")
        if isinstance(found, Problem):
            problems.append(found)
            failed.add(name)
        else:
            traffic = _with(traffic, found)
    if problems:
        raise ConfigError(problems)
    return _with_time(spark, traffic)


def resolve_where(spark: SparkSession, traffic: PinnedTraffic) -> PinnedTraffic:
    """The pinned table with its ``where`` as tasks evaluate it, or the reason why only Spark does."""
    where = traffic.config.where
    if where is None:
        return traffic
    return replace(traffic, condition=resolve_condition(spark, traffic, where, WHERE, WHERE, may_fail=True))


def _with(traffic: PinnedTraffic, column: ComputedColumn) -> PinnedTraffic:
    return replace(
        traffic,
        schema=with_computed(traffic.schema, [column]),
        logged=traffic.logged_schema,
        computed=(*traffic.computed, column),
    )


def _with_time(spark: SparkSession, traffic: PinnedTraffic) -> PinnedTraffic:
    reading = event_time.read_time(traffic.schema, traffic.config)
    if reading is None:
        return traffic
    if isinstance(reading, Problem):
        raise ConfigError([reading])
    name, kind = reading.logged.name, reading.logged.type
    problem = _pattern_problem(spark, traffic.config)
    if problem is not None:
        raise ConfigError([problem])
    found = _resolve(spark, traffic, name, reading.sql, event_time.PLACE)
    if isinstance(found, Problem):
        raise ConfigError([found])
    config = traffic.config.model_copy(update={"time": TimeColumn(column=name)})
    why = None if found.tree is not None else f"only Spark reads times from {kind}"
    return replace(_with(traffic, replace(found, reading=reading, obstacle=why)), config=config)


def _pattern_problem(spark: SparkSession, config: TrafficConfig) -> Problem | None:
    """What Spark says of a pattern, which it looks at only when it reads a row."""
    from pyspark.errors import PySparkException

    pattern = None if config.time is None else config.time.format
    if pattern is None:
        return None
    try:
        with unlogged():
            spark.range(1).select(expression(f"try_to_timestamp('', {text_literal(pattern)})")).collect()
    except PySparkException as error:
        return Problem(one_line(str(error)), path=f"{event_time.PLACE}.format")
    return None


def _clash(traffic: PinnedTraffic, name: str) -> Problem | None:
    """Names are Spark's, for whom case makes no difference."""
    alike = [known for known in traffic.schema.names if known.casefold() == name.casefold()]
    if not alike and find_column(traffic.schema, name) is None:
        return None
    message = f"the traffic has a column `{(alike or [name])[0]}` already: give the computed one a name of its own"
    return Problem(message, path=f"{PLACE}.{name}", exit_code=EXIT_REFUSED)


def _resolve(spark: SparkSession, traffic: PinnedTraffic, name: str, sql: str, place: str) -> ComputedColumn | Problem:
    from pyspark.errors import AnalysisException, ParseException

    if not gives_jvm(spark):
        return unseen_column(spark, traffic, name, sql, place)
    try:
        selected, analysed = _analysed(spark, traffic, sql)
    except (AnalysisException, ParseException) as error:
        return Problem(f"Spark refuses {sql!r}: {one_line(str(error))}", path=place)
    refused = next(_refusals(traffic, sql, analysed), None)
    if refused is not None or analysed.tree is None:
        message = f"{sql!r}: {refused}: expected an expression over the columns of one row, the same in every run"
        return Problem(message, path=place)
    types = readable_schema(selected)
    if len(types) == 0:
        return Problem(f"{sql!r} is of the type {analysed.tree.dtype}, which no column has: cast it", path=place)
    return _column(traffic, name, sql, place, analysed.tree, types.field(0).type)


def _analysed(spark: SparkSession, traffic: PinnedTraffic, sql: str) -> tuple[DataFrame, AnalysedExpression]:
    """An expression over the table, selected, and taken apart."""
    named = columns_in(traffic.schema, sql)
    with unlogged():
        table = pinned_dataframe(spark, traffic, [each for each in traffic.schema.names if each in named])
        selected = table.select(expression(sql).alias("value"))
        return selected, analyse_expression(table, selected)


def resolve_condition(
    spark: SparkSession, traffic: PinnedTraffic, sql: str, place: str, name: str, *, may_fail: bool = False
) -> ComputedColumn:
    """A condition as a column of truth values: what tasks can make of it, or why only Spark can.

    Whether Spark takes it at all is not told here: see :func:`replay.traffic.selection.where_problem`.

    Args:
        spark: The session.
        traffic: The pinned table.
        sql: The condition.
        place: Where the config has it.
        name: Of the column.
        may_fail: Tasks may evaluate what has no value in some rows, if it is no part of an ``AND`` or ``OR``: of those
            Spark skips a side, or by the files' statistics whole row groups, for which the other one is false.
    """
    from pyspark.errors import AnalysisException, ParseException

    if not gives_jvm(spark):
        return ComputedColumn(name, sql, pa.bool_(), (), place, None, UNSEEN)
    try:
        _, analysed = _analysed(spark, traffic, sql)
    except (AnalysisException, ParseException) as error:
        return ComputedColumn(name, sql, pa.bool_(), (), place, None, one_line(str(error)))
    tree = analysed.tree
    if tree is None or not analysed.deterministic or tree.dtype != "boolean":
        why = _BEYOND.get(analysed.beyond_row or "", f"only Spark evaluates {sql!r}")
        return ComputedColumn(name, sql, pa.bool_(), (), place, None, why)
    whole = may_fail and not any(node.kind in ("And", "Or") for node in nodes(tree))
    return _column(traffic, name, sql, place, tree, pa.bool_(), in_every_row=whole)


def _refusals(traffic: PinnedTraffic, sql: str, analysed: AnalysedExpression) -> Iterator[str]:
    """What keeps an expression from being one over a row, the same in every run."""
    if analysed.tree is None:
        yield _BEYOND.get(analysed.beyond_row or "", "it reads what is no column of the table")
        return
    known = {name.casefold() for name in traffic.schema.names}
    for node in nodes(analysed.tree):
        if node.kind.endswith(_SUBQUERIES):
            yield "a subquery reads other rows"
        elif node.kind.endswith("UDF"):
            yield "a function of your own may do anything"
        elif node.kind not in ALLOWED:
            yield f"`{node.name}` is none of the functions that give the same value in every run"
        elif node.kind == "AttributeReference" and node.name.casefold() not in known:
            yield f"`{node.name}` is no column that can be read"
        elif _is_today(node):
            yield f"`{(node.children[0].value or '').strip()}` is another time in each run"
    if _TYPED_TODAY.search(sql):
        yield "it names a time that is another one in each run"
    if not analysed.deterministic:
        yield "it has other values in each run"


def _is_today(node: ExpressionNode) -> bool:
    """A text such as ``today`` made a time."""
    if node.kind not in ("Cast", "ParseToDate", "ParseToTimestamp") or not node.dtype.startswith(("date", "timestamp")):
        return False
    return re.match(_TODAY, node.children[0].value or "", re.I) is not None


def _column(
    traffic: PinnedTraffic,
    name: str,
    sql: str,
    place: str,
    tree: ExpressionNode,
    dtype: pa.DataType,
    *,
    in_every_row: bool = True,
) -> ComputedColumn:
    names = traffic.schema.names
    tree = renamed(tree, names)
    reads = {node.name for node in nodes(tree) if node.kind == "AttributeReference"}
    by_spark = [column.name for column in traffic.computed if column.name in reads and column.tree is None]
    types = {field.name: field.type for field in traffic.schema}
    why = f"`{by_spark[0]}` is computed by Spark" if by_spark else obstacle(tree, types, in_every_row=in_every_row)
    return ComputedColumn(
        name=name,
        sql=sql,
        type=dtype,
        reads=tuple(each for each in names if each in reads),
        place=place,
        tree=tree if why is None else None,
        obstacle=why,
    )
