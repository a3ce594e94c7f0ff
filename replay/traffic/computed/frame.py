"""Computed columns by Spark: added to a DataFrame of the logged ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from replay.traffic.computed.column import ComputedColumn

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def expression(sql: str) -> Column:
    """Spark SQL as a column; a comment at its end stays inside."""
    from pyspark.sql import functions as F

    return F.expr(f"({sql}\n)")


def add_computed(dataframe: DataFrame, computed: Sequence[ComputedColumn]) -> DataFrame:
    """Add columns in order; each may read those before it."""
    for column in computed:
        dataframe = dataframe.withColumn(column.name, expression(column.sql))
    return dataframe
