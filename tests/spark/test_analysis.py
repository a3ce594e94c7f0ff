"""What the analyser says of a condition."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from replay.spark.analysis import ExpressionNode, analyse_expression, has_subquery, is_deterministic

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(
    ("condition", "same"),
    [
        ("id % 2 = 0", True),
        ("now() > timestamp'2026-01-01'", True),
        ("exists(array(id), x -> x > 1)", True),
        ("rand(7) < 0.5", False),
        ("IF(id > 1, true, rand() < 0.5)", False),
        ("exists(array(id), x -> x > rand())", False),
        ("id < monotonically_increasing_id()", False),
        ("uuid() = ''", False),
        ("input_file_name() = ''", False),
        ("java_method('java.util.UUID', 'randomUUID') = ''", False),
    ],
)
def test_whether_the_same_rows_come_again(spark: SparkSession, condition: str, same: bool) -> None:
    table = spark.range(3)
    assert is_deterministic(table, F.expr(condition)) is same
    # Spark's own plan says the same.
    assert table.where(condition)._jdf.queryExecution().analyzed().deterministic() is same


def test_a_column_that_is_not_there(spark: SparkSession) -> None:
    with pytest.raises(AnalysisException):
        is_deterministic(spark.range(3), F.expr("nothing = 1"))


@pytest.mark.parametrize(
    ("condition", "beyond"),
    [
        ("id IN (SELECT id FROM range(2))", True),
        ("id NOT IN (FROM range(2))", True),
        ("id IN (VALUES (1), (2))", True),
        ("id > 1 OR EXISTS (SELECT 1 FROM text.`/etc/passwd` WHERE value = id)", True),
        ("(/* a comment */ SELECT max(id) FROM range(2)) = id", True),
        ("(WITH two AS (SELECT 2 AS id) SELECT id FROM two) = id", True),
        ("SELECT true", True),
        ("true) AND (id IN (SELECT 1)", True),
        ("replay_twice(id) IN (SELECT 1)", True),
        ("replay_twice(id) > 2", False),
        ("exists(array(id), x -> x > 1)", False),
        ("id = 1 -- (SELECT 1)", False),
        ("'(SELECT 1)' = ''", False),
        ("extract(DAY FROM date'2026-01-01') = id", False),
    ],
)
def test_subqueries_are_told_from_what_looks_like_one(spark: SparkSession, condition: str, beyond: bool) -> None:
    spark.udf.register("replay_twice", lambda value: 2 * value, "bigint")
    try:
        assert has_subquery(spark.range(3), condition) is beyond
    finally:
        spark.sql("DROP TEMPORARY FUNCTION replay_twice")


ID = ExpressionNode("AttributeReference", "id", "bigint")


@pytest.mark.parametrize(
    ("sql", "tree"),
    [
        ("cast(ID AS double)", ExpressionNode("Cast", "cast", "double", (replace(ID, name="ID"),), mode="ansi")),
        ("try_cast(id AS int)", ExpressionNode("Cast", "try_cast", "int", (ID,), mode="try")),
        ('"it\'s"', ExpressionNode("Literal", "literal", "string", value="it's")),
        ("0.1D", ExpressionNode("Literal", "literal", "double", value="0.1")),
        ("true", ExpressionNode("Literal", "literal", "boolean", value="true")),
        ("nullif(id, 5L)", None),
    ],
)
def test_an_expression_taken_apart(spark: SparkSession, sql: str, tree: ExpressionNode | None) -> None:
    table = spark.range(3)
    found = analyse_expression(table, table.select(F.expr(sql).alias("x")))
    five = ExpressionNode("Literal", "literal", "bigint", value="5")
    null = ExpressionNode("Literal", "literal", "bigint")
    # What is computed once stands wherever it is used.
    choice = ExpressionNode(
        "If", "if", "bigint", (ExpressionNode("EqualTo", "equalto", "boolean", (ID, five)), null, ID)
    )
    assert found.tree == (tree or ExpressionNode("NullIf", "nullif", "bigint", (choice,)))
    assert found.deterministic
    assert found.beyond_row is None


@pytest.mark.parametrize(
    ("sql", "node"),
    [("sum(id)", "Aggregate"), ("lag(id) over (order by id)", "Window"), ("explode(array(id))", "Generate")],
)
def test_what_reads_more_than_a_row(spark: SparkSession, sql: str, node: str) -> None:
    table = spark.range(3)
    assert analyse_expression(table, table.select(F.expr(sql).alias("x"))).beyond_row == node
