"""The plan of a run's reading: which reader, which columns, which splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from replay.errors import ConfigError, Problem
from replay.spark.tasks.arrow_mapping import Merge, ScannedBatches, Update
from replay.traffic.computed.column import ComputedColumn
from replay.traffic.paths import column_root
from replay.traffic.read.columns import plan_reading
from replay.traffic.read.direct import ReadPlan, Split
from replay.traffic.read.scan import check_where, files_in_window, selected_dataframe
from replay.traffic.read.skipping import skipping
from replay.traffic.read.splits import make_splits
from replay.traffic.read.tasks import fold_splits

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from replay.traffic.table.pinned import DataFile, PinnedTraffic


@dataclass(frozen=True)
class SplitPlan(ReadPlan):
    """How tasks get their Arrow batches.

    Attributes:
        reader: ``direct``: tasks read ``splits``; ``spark``: Spark scans, and there are no splits.
        reason: Why not ``direct``, or None.
        splits: In order of files and rows.
        num_rows: Rows in all splits, before any are left out.
        beside: Columns behind those that were asked for: conditions of scenarios.
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
    reading = plan_reading(traffic, list(roots), beside)
    files = files_in_window(spark, traffic)
    splits = make_splits(files, reading.time_filter, target_rows, skipping(traffic))
    return replace(_plan(reading, "direct", None, splits), beside=tuple(column.name for column in beside))


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
    )


class TableBatches:
    """A pinned table, read by the tasks where they can, and by Spark where only Spark can.

    Args:
        spark: The session.
        traffic: The table.
    """

    def __init__(self, spark: SparkSession, traffic: PinnedTraffic) -> None:
        self._spark = spark
        self._traffic = traffic

    def fold(self, columns: Sequence[str], update: Update, merge: Merge) -> Iterator[bytes]:
        """See :meth:`replay.spark.tasks.arrow_mapping.Batches.fold`.

        Raises:
            TrafficError: A file cannot be read.
        """
        plan = plan_splits(self._spark, self._traffic, columns)
        if plan.reader == "spark" or not plan.splits:
            return ScannedBatches(selected_dataframe(self._spark, self._traffic)).fold(columns, update, merge)
        return fold_splits(self._spark, plan, plan.splits, update)


class FileBatches:
    """Parquet files of one schema, read by the tasks.

    Args:
        spark: The session.
        files: In the order of their rows.
        schema: Of the files.
    """

    def __init__(self, spark: SparkSession, files: Sequence[DataFile], schema: pa.Schema) -> None:
        self._spark = spark
        self._splits = make_splits(files, None)
        self._schema = schema

    def fold(self, columns: Sequence[str], update: Update, merge: Merge) -> Iterator[bytes]:
        """See :meth:`replay.spark.tasks.arrow_mapping.Batches.fold`."""
        plan = ReadPlan(pa.schema([self._schema.field(name) for name in columns]), None)
        return fold_splits(self._spark, plan, self._splits, update)
