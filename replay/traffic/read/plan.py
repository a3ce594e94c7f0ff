"""The plan of a run's reading: which reader, which columns, which splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from replay.errors import ConfigError, Problem
from replay.traffic.computed.column import ComputedColumn
from replay.traffic.paths import column_root
from replay.traffic.read.columns import plan_reading
from replay.traffic.read.direct import ReadPlan, RowLookup, Split
from replay.traffic.read.scan import check_where, files_in_window
from replay.traffic.read.selecting.skipping import skipping
from replay.traffic.read.splits import make_splits

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from replay.traffic.table.pinned import PinnedTraffic


@dataclass(frozen=True)
class SplitPlan(ReadPlan):
    """How tasks get their Arrow batches.

    Attributes:
        reader: ``direct``: tasks read ``splits``; ``spark``: Spark scans, and there are no splits.
        reason: Why not ``direct``, or None.
        splits: In order of files and rows.
        num_rows: Rows in all splits, before any are left out.
        beside: Columns behind those that were asked for: conditions of scenarios, and what is found elsewhere.
    """

    reader: Literal["direct", "spark"]
    reason: str | None
    splits: tuple[Split, ...]
    num_rows: int
    beside: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Top-level columns of the table, in the order of delivery."""
        return tuple(name for name in self.schema.names if name not in self.beside)


def plan_splits(
    spark: SparkSession,
    traffic: PinnedTraffic,
    columns: Sequence[str],
    reader: Literal["auto", "direct", "spark"] = "auto",
    target_rows: int | None = None,
    side: str | None = None,
    beside: Sequence[ComputedColumn] = (),
    lookups: Sequence[RowLookup] = (),
) -> SplitPlan:
    """Choose the reader and, for the direct one, what each task reads.

    Args:
        spark: The session, to check ``where``.
        traffic: The pinned table.
        columns: Columns or paths to deliver; a path brings its whole top-level column.
        reader: From the config.
        target_rows: Rows of a split; default: by the size of the table.
        side: Why columns of :func:`replay.traffic.side_dataframe` are needed, which only Spark computes; None where
            none are.
        beside: Conditions that the direct reader delivers behind the columns, each a column.
        lookups: What the direct reader finds elsewhere, and delivers behind these.

    Raises:
        ConfigError: ``direct`` is asked for and cannot be, or ``where`` is not valid.
        TrafficError: A column is not there, or a file cannot be read.
    """
    check_where(spark, traffic)
    roots = dict.fromkeys(column_root(traffic.schema, name) for name in columns)
    problem = traffic.direct_problem or side
    if reader == "direct" and problem is not None:
        message = f"the direct reader cannot read this traffic: {problem}; use `auto` or `spark`"
        raise ConfigError([Problem(message, path="engine.reader")])
    if reader == "spark" or problem is not None:
        return _plan(plan_reading(traffic, list(roots)), "spark", problem or "`engine.reader` is `spark`", ())
    reading = plan_reading(traffic, list(roots), beside, lookups)
    files = files_in_window(spark, traffic)
    splits = make_splits(files, reading.time_filter, target_rows, skipping(traffic))
    behind = [*(column.name for column in beside), *(one.name for lookup in lookups for one in lookup.fields)]
    return replace(_plan(reading, "direct", None, splits), beside=tuple(behind))


def _plan(
    reading: ReadPlan, reader: Literal["direct", "spark"], reason: str | None, splits: tuple[Split, ...]
) -> SplitPlan:
    num_rows = sum(split.num_rows for split in splits)
    return SplitPlan(
        reading.schema,
        reading.time_filter,
        reader,
        reason,
        splits,
        num_rows,
        logged=reading.logged,
        selecting=reading.selecting,
        filters=reading.filters,
        computed=reading.computed,
        lookups=reading.lookups,
    )
