"""What each kind of expression does to Arrow arrays, where that gives the bits that Spark gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from replay.spark.analysis import ExpressionNode

Datum = Any
"""``pa.Array`` of (num_rows,), or ``pa.Scalar`` for what is the same in every row."""

ARROW_TYPES: Final = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}
"""Arrow's type for each flat type of Spark SQL that a kernel computes with."""
INTEGERS: Final = ("tinyint", "smallint", "int", "bigint")
"""From the narrowest to the widest."""
FLOATS: Final = ("float", "double")
_DECIMAL: Final = re.compile(r"decimal\((\d+),(\d+)\)")


class NoValue(ValueError):
    """A row for which an expression has no value in ANSI SQL, such as a text that is no number."""


@dataclass(frozen=True)
class Kernel:
    """How one kind of expression is evaluated.

    Attributes:
        apply: From a node and its children's values to its own. Raises :class:`NoValue`.
        proven: Whether this gives Spark's bits for a node, judged by its types.
        may_fail: Whether there are values for which a node raises.
        always: How many of its children Spark evaluates in every row; the others only where they count, so that
            what they raise must not be raised in other rows.
    """

    apply: Callable[[ExpressionNode, Sequence[Datum]], Datum]
    proven: Callable[[ExpressionNode], bool]
    may_fail: Callable[[ExpressionNode], bool] = lambda node: False
    always: Callable[[ExpressionNode], int] = lambda node: 1


def arrow_type(dtype: str) -> pa.DataType | None:
    """Arrow's type for a flat type of Spark SQL, decimals among them; None for what is nested.

    >>> arrow_type("decimal(12,2)"), arrow_type("array<int>")
    (Decimal128Type(decimal128(12, 2)), None)
    """
    digits = _DECIMAL.fullmatch(dtype)
    return ARROW_TYPES.get(dtype) if digits is None else pa.decimal128(int(digits[1]), int(digits[2]))


def literal(value: str | None, dtype: str) -> pa.Scalar:
    """A literal of a flat type as Arrow has it.

    Args:
        value: As :class:`ExpressionNode` has it.
        dtype: Its type, as Spark SQL writes it.
    """
    target = arrow_type(dtype)
    if value is None or target is None:
        return pa.scalar(None, target or pa.null())
    if dtype in FLOATS:
        return pa.scalar(float(value), pa.float64()).cast(target, safe=False)
    if dtype == "boolean":
        return pa.scalar(value == "true")
    if pa.types.is_decimal(target):
        return pa.scalar(Decimal(value), target)
    return pa.scalar(value if dtype == "string" else int(value), target)


def operands(node: ExpressionNode) -> set[str]:
    """The types of a node's children."""
    return {child.dtype for child in node.children}


def is_constant(node: ExpressionNode) -> bool:
    """Whether a node is a literal that is not null, or a cast of one."""
    (inner,) = node.children if node.kind == "Cast" else (node,)
    return inner.kind == "Literal" and inner.value is not None


def both_if_constant(node: ExpressionNode) -> int:
    """Of an operator that is null where its left side is: Spark skips the right side there."""
    return 2 if is_constant(node.children[0]) else 1
