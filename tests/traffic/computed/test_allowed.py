"""The list of what an expression may be made of."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from replay.traffic.computed.allowed import ALLOWED
from replay.traffic.computed.evaluate import KERNELS


def test_what_depends_on_more_than_the_row_is_not_listed() -> None:
    refused = (
        "Rand Randn Uuid Now CurrentDate CurrentTimestamp CurrentUser CurrentTimeZone SparkPartitionID InputFileName"
    )
    refused += " MonotonicallyIncreasingID ScalarSubquery Exists PythonUDF ScalaUDF Sum Count RowNumber Explode Shuffle"
    refused += (
        " CallMethodViaReflection TryReflect AssertTrue RaiseError LocalTimestamp SparkVersion Invoke StaticInvoke"
    )
    assert ALLOWED.isdisjoint(refused.split())


def test_whatever_tasks_evaluate_is_listed() -> None:
    assert set(KERNELS) <= ALLOWED


@pytest.mark.spark
@pytest.mark.parametrize(
    "sql", ["substr(s, 1, 2)", "extract(hour from t)", "to_date(s)", "split(s, ',')[0]", "s ilike 'a%'"]
)
def test_spark_names_them_so(spark: SparkSession, sql: str) -> None:
    from replay.spark.analysis import analyse_expression
    from replay.traffic.computed.column import nodes
    from replay.traffic.computed.frame import expression

    table = spark.sql("SELECT 'x' AS s, timestamp_seconds(0) AS t")
    found = analyse_expression(table, table.select(expression(sql).alias("value")))
    assert found.tree is not None
    assert {node.kind for node in nodes(found.tree)} <= ALLOWED
