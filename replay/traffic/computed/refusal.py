"""Rows for which a computed column has no value: told as refused traffic, with how many there are and one of them."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from replay.errors import EXIT_REFUSED, ConfigError, Problem, TrafficError
from replay.spark.errors import failed_fragment, is_data_error, one_line, unlogged
from replay.traffic.computed.column import ComputedColumn, with_computed
from replay.traffic.computed.event_time import TimeReading
from replay.traffic.computed.frame import expression
from replay.traffic.paths import find_column
from replay.traffic.read.scan import pinned_dataframe, selected_dataframe

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
    """
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, TrafficError) as error:
        if not traffic.computed or not (is_data_error(error) or _is_ours(traffic, error)):
            raise
        problem = next(_problems(spark, traffic), None)
        if problem is None:
            raise
        raise ConfigError([problem]) from error


def _is_ours(traffic: PinnedTraffic, error: BaseException) -> bool:
    """Whether a task found it, evaluating a column itself."""
    return any(str(error).startswith(f"`{column.place}`") for column in traffic.computed)


def _problems(spark: SparkSession, traffic: PinnedTraffic) -> Iterator[Problem]:
    for place, column in enumerate(traffic.computed):
        if column.reading is not None:
            message = _no_times(spark, _up_to(traffic, place), column.reading)
        else:
            message = _no_values(spark, _up_to(traffic, place + 1), column)
        if message is not None:
            yield Problem(message, path=column.place, exit_code=EXIT_REFUSED)


def _up_to(traffic: PinnedTraffic, place: int) -> PinnedTraffic:
    """The table with its first computed columns only."""
    computed = traffic.computed[:place]
    return replace(traffic, computed=computed, schema=with_computed(traffic.logged_schema, computed))


def _no_values(spark: SparkSession, traffic: PinnedTraffic, column: ComputedColumn) -> str | None:
    """What Spark says of the first row that it fails at, in the selected rows where they can be selected."""
    from pyspark.errors import PySparkException
    from pyspark.sql import functions as F

    rows = selected_dataframe(spark, _without_late_time(traffic), [column.name])
    try:
        with unlogged():
            rows.select(F.xxhash64(expression(column.sql)).alias("h")).agg(F.bit_xor("h")).collect()
    except PySparkException as error:
        if not is_data_error(error):
            raise
        fragment = failed_fragment(error)
        counted = "" if fragment is None else _counted(rows, fragment)
        return f"{column.sql!r}: {_NO_SETTING.sub('', one_line(str(error)))}{counted}"
    return None


def _without_late_time(traffic: PinnedTraffic) -> PinnedTraffic:
    """A window cannot be looked at while its time is not computed yet."""
    time = traffic.config.time
    if time is None or traffic.config.window is None or find_column(traffic.schema, time.column) is not None:
        return traffic
    return replace(traffic, config=traffic.config.model_copy(update={"window": None}))


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
