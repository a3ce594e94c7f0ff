"""As-of values: what the newest row of an entity held some time before a row, over the whole pinned table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from replay.config.sections.window import Window as TimeWindow
from replay.errors import ConfigError, Problem
from replay.spark.types import has_map
from replay.traffic.keys import key_hash
from replay.traffic.paths import ColumnPath, require_column
from replay.traffic.read.scan import scannable_roots, selectable_dataframe, selected_dataframe
from replay.traffic.selection import in_window, leave_rows, spark_column
from replay.traffic.times import LATEST_US, utc_micros

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from replay.config import TrafficConfig
    from replay.traffic.table.pinned import PinnedTraffic

_TICK: Final = timedelta(microseconds=1)
_ROW, _ENTITY, _MICROS, _ORDER, _VALUES, _APART = "row", "entity", "micros", "order", "values", "apart"


@dataclass(frozen=True)
class StaleColumn:
    """A feature's older value, as a column.

    Attributes:
        name: Of the column.
        feature: A column, or a path into a struct or a map.
        lag: Age that the value has at least; not negative.

    Raises:
        ValueError: The lag is negative.
    """

    name: str
    feature: str
    lag: timedelta

    def __post_init__(self) -> None:
        if self.lag < timedelta(0):
            raise ValueError(f"found a lag of {self.lag.total_seconds()} s for `{self.feature}`, expected 0 or more")


def entity_and_time(traffic: PinnedTraffic, why: str) -> tuple[ColumnPath, ColumnPath]:
    """The columns that a history is of.

    Args:
        traffic: The pinned table.
        why: They are needed, for the message.

    Raises:
        ConfigError: The traffic names no entity or no time.
        TrafficError: The table has no such column.
    """
    config = traffic.config
    if config.entity is None or config.time is None:
        missing = "entity" if config.entity is None else "time"
        message = f"not given, but {why}: name the column as `traffic.{missing}`"
        raise ConfigError([Problem(message, path=f"traffic.{missing}")])
    return require_column(traffic.schema, config.entity), require_column(traffic.schema, config.time.column)


def known_name(lag: timedelta) -> str:
    """Name of the boolean column that says which rows have a history of a lag.

    >>> known_name(timedelta(hours=3))
    'replay:known:10800000000'
    """
    return f"replay:known:{lag // _TICK}"


@dataclass(frozen=True)
class AsOfHistory:
    """What is taken from each row of the table to look up older values.

    Attributes:
        entity: Whose history it is.
        time: Event time.
        key: Of the row: settles which of two rows at one time is the newer one.
        features: Whose values are looked up, each once.
    """

    entity: ColumnPath
    time: ColumnPath
    key: tuple[ColumnPath, ...]
    features: tuple[ColumnPath, ...]

    @classmethod
    def of(cls, traffic: PinnedTraffic, features: Sequence[str]) -> AsOfHistory:
        """Find the columns.

        Raises:
            ConfigError: The traffic names no entity or no time.
            TrafficError: A column is not there.
        """
        config, schema = traffic.config, traffic.schema
        entity, time = entity_and_time(traffic, "older values are looked up by it")
        key = tuple(require_column(schema, name) for name in config.key)
        found = tuple(require_column(schema, name) for name in dict.fromkeys(features))
        return cls(entity, time, key, found)

    @property
    def roots(self) -> tuple[str, ...]:
        """Top-level columns that it reads."""
        paths = (self.entity, self.time, *self.key, *self.features)
        return tuple(dict.fromkeys(path.root for path in paths))

    def columns(self, config: TrafficConfig) -> dict[str, Column]:
        """Entity, time, order among the rows of the entity (null in a row that is no history), and values."""
        from pyspark.sql import functions as F

        entity = spark_column(self.entity)
        micros = utc_micros(self.time, config.time.unit if config.time is not None else None)
        identity = key_hash([spark_column(path) for path in self.key])
        values = [spark_column(path) for path in self.features]
        order = F.struct(micros.alias(_MICROS), identity.alias("key"), self._values_hash().alias("values"))
        usable = entity.isNotNull() & micros.isNotNull()
        return {
            _ENTITY: entity,
            _MICROS: micros,
            _ORDER: F.when(usable, order),
            _VALUES: F.struct(*(value.alias(f"v{place}") for place, value in enumerate(values))),
            # Rows without a history stand alone: all null entities together would be one huge partition.
            _APART: F.when(usable, F.lit(None).cast("long")).otherwise(identity),
        }

    def _values_hash(self) -> Column:
        """Tells rows of one key apart, which may be outside of the window; 0 where there is nothing to hash."""
        from pyspark.sql import functions as F

        hashable = [spark_column(path) for path in self.features if not has_map(path.type)]
        return F.xxhash64(*hashable) if hashable else F.lit(0).cast("long")


def stale_dataframe(
    spark: SparkSession,
    traffic: PinnedTraffic,
    columns: Mapping[str, Column],
    roots: Sequence[str],
    stale: Sequence[StaleColumn],
) -> DataFrame:
    """The selected rows, each once, with older values of their entities.

    Args:
        spark: The session.
        traffic: The pinned table.
        columns: What to take from a selected row, by name.
        roots: Top-level columns that these read.
        stale: Older values; at least one.

    Returns:
        ``columns``, then ``stale``, then :func:`known_name` of each lag.

    Raises:
        ConfigError: ``traffic.where`` is not valid, or the traffic names no entity or no time.
        TrafficError: A column is not there, or of a type that Spark does not have at all.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    history = AsOfHistory.of(traffic, [column.feature for column in stale])
    scannable_roots(traffic, history.roots)
    lags = sorted({column.lag for column in stale})
    row = F.struct(*(column.alias(f"c{place}") for place, column in enumerate(columns.values())))
    facts = [column.alias(name) for name, column in history.columns(traffic.config).items()]
    rows = selected_dataframe(spark, traffic, [*roots, *history.roots]).select(row.alias(_ROW), *facts)
    for older in _unselected(spark, traffic, history, lags):
        rows = rows.unionByName(older, allowMissingColumns=True)
    entities = Window.partitionBy(_ENTITY, _APART).orderBy(_MICROS)
    frames = [entities.rangeBetween(Window.unboundedPreceding, -min(lag // _TICK, LATEST_US - 1)) for lag in lags]
    newest = [F.max_by(_VALUES, _ORDER).over(frame).alias(f"lag{place}") for place, frame in enumerate(frames)]
    found = rows.select(_ROW, *newest).where(F.col(_ROW).isNotNull())
    features = [path.name for path in history.features]
    older_values = (
        F.col(f"lag{lags.index(column.lag)}.v{features.index(column.feature)}").alias(column.name) for column in stale
    )
    known = (F.col(f"lag{place}").isNotNull().alias(known_name(lag)) for place, lag in enumerate(lags))
    logged = (F.col(f"{_ROW}.c{place}").alias(name) for place, name in enumerate(columns))
    return found.select(*logged, *older_values, *known)


def _unselected(
    spark: SparkSession, traffic: PinnedTraffic, history: AsOfHistory, lags: Sequence[timedelta]
) -> list[DataFrame]:
    """History that is no selected row itself: the rows that may be looked up, and of the oldest one an entity.

    No row of the window [start, end) looks up what is newer than ``end`` less the shortest lag; and of what is older
    than ``start`` less the longest, all look up the same row. That one is found before the shuffle.
    """
    config, schema = traffic.config, traffic.schema
    unselected = leave_rows(selectable_dataframe(spark, traffic, history.roots), schema, config)
    if unselected is None:
        return []
    window = config.window if config.window is not None else TimeWindow()
    split = None if window.start is None else _earlier(window.start, lags[-1] - _TICK)
    end = None if window.end is None else _earlier(window.end, lags[0])
    if window.end is not None and end is None:
        return []
    recent = _between(unselected, traffic, split, end, history)
    if split is None:
        return [recent]
    whole = selectable_dataframe(spark, traffic, history.roots)
    return [recent, _newest_by_entity(_between(whole, traffic, None, split, history))]


def _earlier(moment: datetime, lag: timedelta) -> datetime | None:
    """None before the year 1."""
    try:
        return moment - lag
    except OverflowError:
        return None


def _between(
    dataframe: DataFrame, traffic: PinnedTraffic, start: datetime | None, end: datetime | None, history: AsOfHistory
) -> DataFrame:
    """The history in [start, end); the bounds are pushed down to the files."""
    from pyspark.sql import functions as F

    if start is not None and end is not None and start >= end:
        dataframe = dataframe.where(F.lit(False))
    elif start is not None or end is not None:
        inside = in_window(
            traffic.schema, traffic.config.model_copy(update={"window": TimeWindow(start=start, end=end)})
        )
        dataframe = dataframe if inside is None else dataframe.where(inside)
    facts = [column.alias(name) for name, column in history.columns(traffic.config).items()]
    return dataframe.select(*facts).where(F.col(_ORDER).isNotNull())


def _newest_by_entity(facts: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    newest = F.max_by(F.struct(*(name for name in facts.columns if name != _ENTITY)), _ORDER)
    return facts.groupBy(_ENTITY).agg(newest.alias("newest")).select(_ENTITY, "newest.*")
