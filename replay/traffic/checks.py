"""What is checked before a run: that there are rows, and that each has a key of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from replay.config import TrafficConfig
from replay.errors import TrafficError
from replay.spark.errors import traffic_errors
from replay.spark.sql import quoted
from replay.spark.types import has_map
from replay.traffic.computed.refusal import values_refused
from replay.traffic.copies import copies_sentence, without_copies
from replay.traffic.keys import (
    EXAMPLES,
    KeyFingerprint,
    any_null,
    duplicate_examples,
    fingerprint_of,
    grouped_by_hash,
    hash_sums,
)
from replay.traffic.paths import ColumnPath, require_column
from replay.traffic.read.scan import pinned_dataframe, selected_dataframe
from replay.traffic.read.selecting.statistics import TICKS_PER_SECOND
from replay.traffic.read.selecting.window import EPOCH
from replay.traffic.selection import in_window, spark_column
from replay.traffic.units import other_unit

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from replay.traffic.table.pinned import PinnedTraffic


KEY_HINT = "give `traffic.key` columns that tell every row from every other, or remove these rows with `where`"


@dataclass(frozen=True)
class TrafficCheck:
    """What the check of the traffic found.

    Attributes:
        rows_read: Rows of the pinned table.
        rows_selected: Rows that ``where``, ``window`` and ``sample`` leave: those to be replayed.
        keys: Fingerprint of their keys.
        first_time: Earliest event time among them, or None without a time column.
        last_time: Latest.
        warnings: What a reader of a result should know.
        copies: Rows that are left out as exact copies of others; not among those to be replayed.
    """

    rows_read: int
    rows_selected: int
    keys: KeyFingerprint
    first_time: datetime | None
    last_time: datetime | None
    warnings: tuple[str, ...] = ()
    copies: int = 0


def check_traffic(
    spark: SparkSession, traffic: PinnedTraffic, config: TrafficConfig, columns: Sequence[str] = ()
) -> TrafficCheck:
    """Check that the selected rows exist, and that none has a null key or another row's.

    One aggregation over the key and time columns; only hashes of keys are shuffled. NaN is a value like any other in a
    key, and equal to itself.

    Args:
        spark: The session.
        traffic: The pinned table; :func:`column_problems` has found nothing.
        config: Section ``traffic``.
        columns: Top-level columns in which exact copies agree; default: which rows are copies is not looked at.

    Raises:
        TrafficError: No rows, none selected, null or duplicate keys, or a file that cannot be read.
        ConfigError: ``where`` is not valid, or a computed column has no value for a row.
    """
    with values_refused(spark, traffic), traffic_errors(traffic.location):
        return _check(spark, traffic, config, columns)


def check_counted(
    spark: SparkSession,
    traffic: PinnedTraffic,
    config: TrafficConfig,
    keys: KeyFingerprint,
    times: tuple[int, int] | None,
    copies: int = 0,
) -> TrafficCheck:
    """What :func:`check_traffic` finds, of rows that tasks have counted, each of which has a key of its own.

    Args:
        spark: The session.
        traffic: The pinned table.
        config: Section ``traffic``.
        keys: Fingerprint of the selected rows' keys, made of any 64-bit digests.
        times: Earliest and latest event time, microseconds since 1970.
        copies: Rows that were left out as copies of others.

    Raises:
        TrafficError: A time is after the year 9999.
    """
    rows_read = _rows_read(spark, traffic, config, keys.rows + copies)
    unit = config.time.unit if config.time is not None else None
    first, last = (None, None) if times is None else (_since_1970(times[0], unit), _since_1970(times[1], unit))
    doubt = None if config.time is None else other_unit(config.time, first, last)
    return TrafficCheck(rows_read, keys.rows, keys, first, last, _warnings(doubt, copies), copies)


def _rows_read(spark: SparkSession, traffic: PinnedTraffic, config: TrafficConfig, selected: int) -> int:
    """Rows of the table: its files say, or all were selected, copies too, or Spark counts."""
    if traffic.num_rows is not None:
        return traffic.num_rows
    return selected if config.selects_all else pinned_dataframe(spark, traffic, ()).count()


def _warnings(doubt: str | None, copies: int) -> tuple[str, ...]:
    return (*(() if doubt is None else (doubt,)), *((copies_sentence(copies),) if copies else ()))


def _check(spark: SparkSession, traffic: PinnedTraffic, config: TrafficConfig, compared: Sequence[str]) -> TrafficCheck:
    from pyspark.sql import functions as F

    time = require_column(traffic.schema, config.time.column) if config.time is not None else None
    key = [require_column(traffic.schema, name) for name in config.key]
    roots = [path.root for path in (*key, *([time] if time is not None else []))]
    computed = [column.name for column in traffic.computed if not has_map(column.type)]
    roots.extend(computed)
    selected = selected_dataframe(spark, traffic, list(dict.fromkeys(roots)))
    columns, copies = [spark_column(path) for path in key], 0
    if config.duplicates == "drop_exact" and compared:
        copies, selected = selected.count(), _distinct(spark, traffic, [*compared, *roots])
    times = [] if time is None else [F.min(spark_column(time)).alias("first"), F.max(spark_column(time)).alias("last")]
    # Computed in every row here, so that a value that cannot be is told before anything is scored.
    tried = F.bit_xor(F.xxhash64(*(F.col(quoted(name)) for name in computed))).alias("computed")
    grouped = grouped_by_hash(selected, columns, *times, *([tried] if computed else []))
    merged = [] if time is None else [F.min("first").alias("first"), F.max("last").alias("last")]
    merged.extend([F.bit_xor("computed").alias("computed")] if computed else [])
    sums = grouped.agg(*hash_sums(), *merged).toArrow().to_pylist()[0]
    found = fingerprint_of(sums)
    if found.rows == 0:
        raise TrafficError(_nothing_selected(spark, traffic, config, time))
    copies = max(copies - found.rows, 0)
    _refuse_keys(selected, columns, config.key, grouped, sums, lambda: _advice(spark, traffic, columns, compared, sums))
    rows_read = _rows_read(spark, traffic, config, found.rows + copies)
    unit = config.time.unit if config.time is not None else None
    first, last = (_moment(sums.get(name), unit) for name in ("first", "last"))
    doubt = None if config.time is None else other_unit(config.time, first, last)
    return TrafficCheck(rows_read, found.rows, found, first, last, _warnings(doubt, copies), copies)


def _distinct(spark: SparkSession, traffic: PinnedTraffic, names: Sequence[str]) -> DataFrame:
    """The selected rows but for exact copies in some columns."""
    roots = list(dict.fromkeys(names))
    rows = selected_dataframe(spark, traffic, roots).select(*(quoted(name) for name in roots))
    key = [spark_column(require_column(traffic.schema, name)) for name in traffic.config.key]
    return without_copies(rows, key, traffic.num_rows)


def _advice(
    spark: SparkSession,
    traffic: PinnedTraffic,
    key: Sequence[Column],
    compared: Sequence[str],
    sums: dict[str, Any],
) -> str:
    """What to do about keys that are null or not unique: what is said works for these rows."""
    if sums["nulls"] or not compared:
        return KEY_HINT
    distinct = _distinct(spark, traffic, compared)
    left = grouped_by_hash(distinct, key).agg(*hash_sums()).toArrow().to_pylist()[0]
    if not left["repeated_rows"]:
        return (
            "these rows are exact copies in all columns that the run reads: write `duplicates: drop_exact` under "
            "`traffic`, which replays one of each and counts the others"
        )
    return f"{KEY_HINT}; {left['repeated_keys']:,} of these keys have rows that differ"


def _refuse_keys(
    selected: DataFrame,
    columns: Sequence[Column],
    key: Sequence[str],
    grouped: DataFrame,
    sums: dict[str, Any],
    advice: Callable[[], str],
) -> None:
    messages = []
    null = any_null(columns)
    if sums["nulls"]:
        named = [column.alias(f"key {place}") for place, column in enumerate(columns)]
        rows = selected.where(null).select(*named).limit(EXAMPLES).toArrow().to_pylist()
        shown = "; ".join(render_key(dict(zip(key, row.values(), strict=True))) for row in rows)
        messages.append(null_sentence(sums["nulls"], shown))
    if sums["repeated_rows"]:
        examples = duplicate_examples(selected.where(~null), columns, key, grouped)
        if examples:
            messages.append(duplicate_sentence(key, sums, examples))
    if messages:
        raise TrafficError("\n".join([*messages, advice()]))


def duplicate_sentence(
    key: Sequence[str], sums: Mapping[str, Any], examples: Sequence[tuple[Mapping[str, Any], int]]
) -> str:
    """Say that keys are there more than once.

    Args:
        key: Its columns.
        sums: ``repeated_rows`` and ``repeated_keys``.
        examples: Some of these keys, each with its number of rows.
    """
    shown = "; ".join(f"{render_key(values)} ({rows:,} rows)" for values, rows in examples)
    return (
        f"the key ({', '.join(key)}) is not unique: {sums['repeated_rows']:,} rows share {sums['repeated_keys']:,} "
        f"keys, for example {shown}"
    )


def null_sentence(rows: int, shown: str) -> str:
    """Say that keys are null, with examples."""
    return f"the key is null in {rows:,} rows, for example {shown}: expected a value in every row"


def render_key(values: Mapping[str, Any]) -> str:
    """A key as messages show it."""
    return ", ".join(f"{name}={_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return value.isoformat() if isinstance(value, datetime) else repr(value) if isinstance(value, str) else str(value)


def _nothing_selected(
    spark: SparkSession, traffic: PinnedTraffic, config: TrafficConfig, time: ColumnPath | None
) -> str:
    """Say which condition left no row, and what times there are."""
    from pyspark.sql import functions as F

    columns = [F.count("*").alias("rows")]
    if time is not None:
        column = spark_column(time)
        inside = in_window(traffic.schema, config)
        columns += [F.min(column).alias("first"), F.max(column).alias("last")]
        columns.append((F.count("*") if inside is None else F.count_if(inside)).alias("inside"))
    whole = pinned_dataframe(spark, traffic, [] if time is None else [time.root])
    counts = whole.agg(*columns).toArrow().to_pylist()[0]
    if counts["rows"] == 0:
        return traffic.no_rows_message()
    others = " and ".join(
        name
        for name, given in ((f"`where: {config.where}`", config.where), ("`sample`", config.sample))
        if given is not None
    )
    if time is None or config.window is None:
        return f"{others} leaves none of the {counts['rows']:,} rows of {traffic.location}: loosen it"
    if counts["inside"]:
        return f"the window holds {counts['inside']:,} rows, but {others} leaves none of them: loosen it"
    return _outside(config, time, counts)


def _outside(config: TrafficConfig, time: ColumnPath, counts: dict[str, Any]) -> str:
    window = config.window
    unit = config.time.unit if config.time is not None else None
    start, end = (window.start, window.end) if window is not None else (None, None)
    asked = f"[{_iso(start) if start else '...'}, {_iso(end) if end else '...'})"
    first, last = _moment(counts["first"], unit), _moment(counts["last"], unit)
    if first is None or last is None:
        return f"no row lies in the window {asked}: `{time.name}` is null in all {counts['rows']:,} rows"
    return (
        f"no row lies in the window {asked}: `{time.name}` runs from {_iso(first)} to {_iso(last)} "
        f"({counts['rows']:,} rows); change `traffic.window`"
    )


def _moment(value: Any, unit: str | None) -> datetime | None:
    """A time as Spark gives it, as a moment in UTC; a time without a zone is UTC."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return _since_1970(int(value) * 10**6 // TICKS_PER_SECOND[unit or "s"], unit or "s")


def _since_1970(microseconds: int, unit: str | None) -> datetime:
    """A time of a column that holds integers of the unit, or timestamps."""
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError as error:
        unit = unit or "us"
        raise TrafficError(
            f"the time column holds {microseconds * TICKS_PER_SECOND[unit] // 10**6}, which in `{unit}` is after the "
            "year 9999: is `traffic.time.unit` right?"
        ) from error


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
