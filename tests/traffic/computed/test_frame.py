"""Computed columns by Spark."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.traffic.computed.column import ComputedColumn
from replay.traffic.computed.frame import add_computed, expression

pytestmark = pytest.mark.spark


def test_columns_in_order_and_one_in_its_own_place(spark: SparkSession) -> None:
    table = spark.createDataFrame([("7",)], "a string")
    columns = [
        ComputedColumn("b", "cast(a as int) + 1 -- a comment", pa.int32(), ("a",), "", None, None),
        ComputedColumn("a", "cast(a as int) * b", pa.int32(), ("a", "b"), "", None, None),
    ]
    assert add_computed(table, columns).collect() == [(56, 8)]


def test_an_expression_ends_where_it_should(spark: SparkSession) -> None:
    assert spark.range(1).select(expression("id + 1 -- and so on")).collect() == [(1,)]
