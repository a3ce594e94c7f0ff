"""What a kernel knows of an expression's parts."""

from __future__ import annotations

import pytest

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.kernel import both_if_constant, is_constant, operands

COLUMN = ExpressionNode("AttributeReference", "d", "double")
ONE = ExpressionNode("Literal", "literal", "int", value="1")
NULL = ExpressionNode("Literal", "literal", "int")


def cast(child: ExpressionNode) -> ExpressionNode:
    return ExpressionNode("Cast", "cast", "double", (child,), mode="ansi")


@pytest.mark.parametrize(
    ("node", "constant"),
    [(ONE, True), (cast(ONE), True), (NULL, False), (cast(NULL), False), (COLUMN, False), (cast(COLUMN), False)],
    ids=["literal", "cast literal", "null", "cast null", "column", "cast column"],
)
def test_constants(node: ExpressionNode, constant: bool) -> None:
    assert is_constant(node) is constant


def test_the_right_side_counts_in_every_row_where_the_left_one_is_never_null() -> None:
    assert both_if_constant(ExpressionNode("Add", "add", "double", (cast(ONE), COLUMN))) == 2
    assert both_if_constant(ExpressionNode("Add", "add", "double", (COLUMN, cast(ONE)))) == 1


def test_types_of_children() -> None:
    assert operands(ExpressionNode("Add", "add", "double", (ONE, COLUMN))) == {"int", "double"}
