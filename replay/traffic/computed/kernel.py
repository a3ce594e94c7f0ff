"""What each kind of expression does to Arrow arrays, where that gives the bits that Spark gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
