"""Arithmetic on Arrow arrays: of floats as IEEE 754 has it; an overflow of integers is an error as in ANSI SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.kernel import (
    FLOATS,
    INTEGERS,
    Datum,
    Kernel,
    NoValue,
    both_if_constant,
    is_constant,
    operands,
)


def _operator(plain: Callable[..., Any], checked: Callable[..., Any]) -> Kernel:
    def apply(node: ExpressionNode, values: Sequence[Datum]) -> Datum:
        if node.dtype in FLOATS:
            return plain(*values)
        try:
            return checked(*values)
        except pa.ArrowInvalid as error:
            raise NoValue(f"a result of `{node.name}` is more than {node.dtype} holds") from error

    def proven(node: ExpressionNode) -> bool:
        integers = node.dtype in INTEGERS and node.mode == "ansi"
        return (node.dtype in FLOATS or integers) and operands(node) == {node.dtype}

    return Kernel(apply, proven, lambda node: node.dtype in INTEGERS, both_if_constant)


def _of_floats(function: Callable[[Datum], Datum]) -> Kernel:
    return Kernel(
        lambda node, values: function(values[0]), lambda node: node.dtype in FLOATS and operands(node) == {node.dtype}
    )


def _divisible(node: ExpressionNode) -> bool:
    """A division by a number that is not zero; Spark raises where it is."""
    divisor = node.children[1]
    if operands(node) != {"double"} or not is_constant(divisor):
        return False
    literal = divisor.children[0] if divisor.kind == "Cast" else divisor
    return literal.dtype != "string" and float(literal.value or "0") != 0


KERNELS: Final[Mapping[str, Kernel]] = {
    "Add": _operator(pc.add, pc.add_checked),
    "Subtract": _operator(pc.subtract, pc.subtract_checked),
    "Multiply": _operator(pc.multiply, pc.multiply_checked),
    "Divide": Kernel(lambda node, values: pc.divide(*values), _divisible),
    "UnaryMinus": _of_floats(pc.negate),
    "Abs": _of_floats(pc.abs),
    "Sqrt": _of_floats(pc.sqrt),
    "Rint": _of_floats(lambda values: pc.round(values, ndigits=0, round_mode="half_to_even")),
}
"""By Catalyst's class."""
