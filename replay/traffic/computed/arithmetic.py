"""Arithmetic and hashes on Arrow arrays: floats as in IEEE 754; an overflow of integers is an error, as in ANSI SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.column import nodes
from replay.traffic.computed.kernel import (
    FLOATS,
    INTEGERS,
    Datum,
    Kernel,
    NoValue,
    arrow_type,
    both_if_constant,
    is_constant,
    operands,
)
from replay.xxh64 import hashes_as_spark, spark_xxhash64


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


def _whole_divisor(node: ExpressionNode) -> int | None:
    """The divisor of whole numbers of one type, where it is written down and not zero."""
    divisor = node.children[1]
    if not (node.dtype in INTEGERS and operands(node) == {node.dtype} and is_constant(divisor)):
        return None
    literal = divisor.children[0] if divisor.kind == "Cast" else divisor
    return (int(literal.value or "0") or None) if literal.dtype in INTEGERS else None


def _remainder(node: ExpressionNode, values: Sequence[Datum]) -> Datum:
    """What a division that is cut towards zero leaves, which has the dividend's sign."""
    return _without_nulls(values[0], lambda numbers: np.fmod(numbers, numbers.dtype.type(_whole_divisor(node))))


def _positive_remainder(node: ExpressionNode, values: Sequence[Datum]) -> Datum:
    return _without_nulls(values[0], lambda numbers: np.mod(numbers, numbers.dtype.type(_whole_divisor(node))))


def _without_nulls(values: Datum, function: Callable[[np.ndarray], np.ndarray]) -> Datum:
    if isinstance(values, pa.Scalar):
        return _without_nulls(pa.array([values.as_py()], values.type), function)[0]
    mask = values.is_null().to_numpy(zero_copy_only=False) if values.null_count else None
    return pa.array(function(values.fill_null(0).to_numpy()), values.type, mask=mask)


def _hash_proven(node: ExpressionNode) -> bool:
    types = [arrow_type(child.dtype) for child in node.children]
    columns = any(inner.kind == "AttributeReference" for inner in nodes(node))
    return columns and all(dtype is not None and hashes_as_spark(dtype) for dtype in types)


def _hash(node: ExpressionNode, values: Sequence[Datum]) -> Datum:
    rows = next(len(value) for value in values if not isinstance(value, pa.Scalar))
    columns = [pa.repeat(value, rows) if isinstance(value, pa.Scalar) else value for value in values]
    return pa.array(spark_xxhash64(columns))


KERNELS: Final[Mapping[str, Kernel]] = {
    "Add": _operator(pc.add, pc.add_checked),
    "Subtract": _operator(pc.subtract, pc.subtract_checked),
    "Multiply": _operator(pc.multiply, pc.multiply_checked),
    "Divide": Kernel(lambda node, values: pc.divide(*values), _divisible),
    "UnaryMinus": _of_floats(pc.negate),
    "Abs": _of_floats(pc.abs),
    "Sqrt": _of_floats(pc.sqrt),
    "Remainder": Kernel(_remainder, lambda node: _whole_divisor(node) is not None),
    "Pmod": Kernel(_positive_remainder, lambda node: (_whole_divisor(node) or 0) > 0),
    "XxHash64": Kernel(_hash, _hash_proven, always=lambda node: len(node.children)),
    "Rint": _of_floats(lambda values: pc.round(values, ndigits=0, round_mode="half_to_even")),
}
"""By Catalyst's class."""
