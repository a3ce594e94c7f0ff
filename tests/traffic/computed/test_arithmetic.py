"""What arithmetic is proven for; that its bits are Spark's is in ``test_evaluate.py``."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.arithmetic import KERNELS
from replay.traffic.computed.kernel import NoValue


def node(kind: str, dtype: str, *types: str, mode: str | None = "ansi", value: str | None = None) -> ExpressionNode:
    last = ExpressionNode("Literal", "literal", types[-1], value=value)
    children = [ExpressionNode("AttributeReference", "x", each) for each in types]
    return ExpressionNode(kind, kind.lower(), dtype, tuple([*children[:-1], last] if value else children), mode=mode)


@pytest.mark.parametrize(
    ("given", "proven"),
    [
        (node("Add", "double", "double", "double"), True),
        (node("Add", "int", "int", "int"), True),
        (node("Add", "int", "int", "int", mode="try"), False),
        (node("Add", "decimal(3,1)", "decimal(3,1)", "decimal(3,1)"), False),
        (node("Divide", "double", "double", "double"), False),
        (node("Divide", "double", "double", "double", value="2.0"), True),
        (node("Divide", "double", "double", "double", value="0.0"), False),
        (node("UnaryMinus", "int", "int"), False),
    ],
    ids=["doubles", "ints", "try", "decimals", "by a column", "by two", "by zero", "minus an int"],
)
def test_what_is_proven(given: ExpressionNode, proven: bool) -> None:
    assert KERNELS[given.kind].proven(given) is proven


def test_an_overflow_of_integers_has_no_value() -> None:
    kernel, given = KERNELS["Add"], node("Add", "int", "int", "int")
    with pytest.raises(NoValue, match="a result of `add` is more than int holds"):
        kernel.apply(given, [pa.array([2**31 - 1], pa.int32()), pa.array([1], pa.int32())])
    assert kernel.may_fail(given)
    assert not kernel.may_fail(node("Add", "double", "double", "double"))
