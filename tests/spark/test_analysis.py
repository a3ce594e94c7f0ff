"""What the analyser says of a condition."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from replay.spark.analysis import ExpressionNode, analyse_expression, is_deterministic

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(
    ("condition", "same"),
    [
        ("id % 2 = 0", True),
        ("rand(7) < 0.5", False),
        ("id < monotonically_increasing_id()", False),
        ("uuid() = ''", False),
    ],
)
def test_whether_the_same_rows_come_again(spark: SparkSession, condition: str, same: bool) -> None:
    assert is_deterministic(spark.range(3).where(condition)) is same


def test_a_column_that_is_not_there(spark: SparkSession) -> None:
    with pytest.raises(AnalysisException):
        is_deterministic(spark.range(3).where("nothing = 1"))


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
