"""Rows for which a computed column has no value: told as refused traffic, with how many there are and one of them."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from replay.errors import EXIT_REFUSED, ConfigError, Problem, TrafficError
from replay.spark.errors import failed_fragment, is_data_error, one_line, traffic_errors, unlogged
from replay.spark.sql import quoted
from replay.spark.types import has_map
from replay.traffic.computed.column import WHERE, ComputedColumn, with_computed
from replay.traffic.computed.event_time import TimeReading
from replay.traffic.computed.frame import expression
from replay.traffic.read.scan import pinned_dataframe, selected_dataframe
from replay.traffic.selection import named_columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from replay.traffic.table.pinned import PinnedTraffic

_CAST: Final = re.compile(r"cast\s*\((?P<inner>.+)\bas\b(?P<type>[^()]+(?:\([^()]*\))?)\)", re.I | re.S)
_NO_SETTING: Final = re.compile(r" If necessary set \S+ to \S+ to bypass this error\.")


@contextlib.contextmanager
def values_refused(spark: SparkSession, traffic: PinnedTraffic) -> Iterator[None]:
    """Say of which computed column a row has no value, where reading the traffic fails for that.

    Raises:
        ConfigError: With the column's place, how many rows there are, and an example; its exit code is 3.
        TrafficError: ``where`` has no value for a row, in Spark's words.
    """
    from pyspark.errors import PySparkException

    try:
        with unlogged():
            yield
    except (PySparkException, TrafficError) as error:
        if str(error).startswith(f"`{WHERE}`"):
            _tell_as_spark(spark, traffic)
        if not traffic.computed or not (is_data_error(error) or _is_ours(traffic, error)):
            raise
        problem = next(_problems(spark, traffic), None)
        if problem is None:
            raise
        raise ConfigError([problem]) from error


def _tell_as_spark(spark: SparkSession, traffic: PinnedTraffic) -> None:
    """Let Spark say of ``where`` what a task has found in it."""
    with traffic_errors(traffic.location):
        selected_dataframe(spark, traffic, ()).count()


def _is_ours(traffic: PinnedTraffic, error: BaseException) -> bool:
    """Whether a task found it, evaluating a column itself."""
    return any(str(error).startswith(f"`{column.place}`") for column in traffic.computed)


def _problems(spark: SparkSession, traffic: PinnedTraffic) -> Iterator[Problem]:
    """What is wrong with each column; first with those that select rows, without which others cannot be looked at."""
    selecting = traffic.needed_for(named_columns(traffic.schema, traffic.config)).computed
    others = [column for column in traffic.computed if column not in selecting]
    for column in (*selecting, *others):
        message = None
        if column.reading is not None:
            message = _no_times(spark, _before(traffic, column), column.reading)
        elif not has_map(column.type):
            message = _no_values(spark, traffic, column, whole=column in selecting)
        if message is not None:
            yield Problem(message, path=column.place, exit_code=EXIT_REFUSED)


def _before(traffic: PinnedTraffic, column: ComputedColumn) -> PinnedTraffic:
    """The table with the columns that are computed before one."""
    computed = traffic.computed[: traffic.computed.index(column)]
    return replace(traffic, computed=computed, schema=with_computed(traffic.logged_schema, computed))


def _no_values(spark: SparkSession, traffic: PinnedTraffic, column: ComputedColumn, *, whole: bool) -> str | None:
    """What Spark says of the first row that it fails at, of the whole table or of the selected rows."""
    from pyspark.errors import PySparkException
    from pyspark.sql import functions as F

    # What it reads is there beside it, so that a part of the expression can be tried alone.
    names = [column.name, *column.reads]
    rows = pinned_dataframe(spark, traffic, names) if whole else selected_dataframe(spark, traffic, names)
    try:
        with unlogged():
            rows.agg(F.bit_xor(F.xxhash64(quoted(column.name)))).collect()
    except PySparkException as error:
        if not is_data_error(error):
            raise
        fragment = failed_fragment(error)
        counted = "" if fragment is None else _counted(rows, fragment)
        return f"{column.sql!r}: {_NO_SETTING.sub('', one_line(str(error)))}{counted}"
    return None


def _counted(rows: DataFrame, fragment: str) -> str:
    """In how many rows a cast fails, where it is a cast that fails."""
    found = _CAST.fullmatch(fragment.strip())
    if found is None:
        return ""
    attempt = f"try_cast({found['inner']} as {found['type']})"
    bad, total = _bad_rows(rows, found["inner"], attempt)[:2]
    return f" ({bad:,} of {total:,} rows)"


def _bad_rows(rows: DataFrame, source: str, attempt: str) -> tuple[int, int, Any]:
    """Rows that have a source and no value, all rows, and the least source among the former."""
    from pyspark.sql import functions as F

    bad = expression(source).isNotNull() & expression(attempt).isNull()
    example = F.min(F.when(bad, expression(source))).alias("example")
    (row,) = rows.agg(F.count_if(bad).alias("bad"), F.count("*").alias("rows"), example).toArrow().to_pylist()
    return row["bad"], row["rows"], row["example"]


def _no_times(spark: SparkSession, before: PinnedTraffic, reading: TimeReading) -> str | None:
    logged = reading.logged
    bad, total, example = _bad_rows(pinned_dataframe(spark, before, [logged.root]), logged.sql, reading.attempt)
    if not bad:
        return None
    return (
        f"column `{logged.name}` holds no time in {bad:,} of {total:,} rows, for example {example!r}: expected "
        f"{reading.expected}; to leave such rows without a time, write `columns: {{event_time: "
        f"{json.dumps(reading.attempt)}}}` and `time: event_time`"
    )
