"""Columns that hold nothing: proven over all selected rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from replay.spark.errors import traffic_errors
from replay.traffic.paths import require_column
from replay.traffic.read.scan import selected_dataframe
from replay.traffic.selection import spark_column

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from replay.traffic.table.pinned import PinnedTraffic


def always_null(spark: SparkSession, traffic: PinnedTraffic, columns: Sequence[str]) -> tuple[str, ...]:
    """Which of some columns are null in every selected row: one pass over these columns, none where there are none.

    Args:
        spark: The session.
        traffic: The pinned table.
        columns: Columns, or paths into structs and maps.

    Raises:
        TrafficError: A file cannot be read.
    """
    from pyspark.sql import functions as F

    readable = [name for name in columns if require_column(traffic.schema, name).root not in traffic.spark_refuses]
    if not readable:
        return ()
    paths = [require_column(traffic.schema, name) for name in readable]
    with traffic_errors(traffic.location):
        rows = selected_dataframe(spark, traffic, list(dict.fromkeys(path.root for path in paths)))
        counts = rows.agg(*(F.count(spark_column(path)).alias(f"c{place}") for place, path in enumerate(paths)))
        found = counts.toArrow().to_pylist()[0]
    return tuple(name for name, amount in zip(readable, found.values(), strict=True) if amount == 0)
