"""Expressions evaluated on Arrow batches: which can be, to the bits that Spark gives, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from replay.errors import TrafficError
from replay.spark.analysis import ExpressionNode
from replay.spark.types import spark_type
from replay.traffic.computed import arithmetic, casts, conditions, text_patterns
from replay.traffic.computed.column import ComputedColumn
from replay.traffic.computed.kernel import Datum, Kernel, NoValue, arrow_type, literal, operands

_ATTRIBUTE: Final = "AttributeReference"


def _map_entry(node: ExpressionNode, values: Sequence[Datum]) -> Datum:
    return pc.map_lookup(values[0], values[1].cast(values[0].type.key_type), "first")


def _own(node: ExpressionNode, values: Sequence[Datum]) -> Datum:
    return values[0]


def _one_text(node: ExpressionNode) -> bool:
    return len(node.children) == 1 and node.dtype == "string" and operands(node) == {"string"}


def _flat_key(node: ExpressionNode) -> bool:
    key = node.children[1]
    return key.kind == "Literal" and key.value is not None and key.dtype in ("string", "int", "bigint")


_OTHERS: Final[Mapping[str, Kernel]] = {
    "Literal": Kernel(
        lambda node, values: literal(node.value, node.dtype),
        lambda node: node.value is None or arrow_type(node.dtype) is not None,
    ),
    "GetStructField": Kernel(lambda node, values: pc.struct_field(values[0], [node.name]), lambda node: True),
    "GetMapValue": Kernel(_map_entry, _flat_key),
    "StringTrim": Kernel(lambda node, values: pc.utf8_trim(values[0], characters=" "), _one_text),
    "StringTrimLeft": Kernel(lambda node, values: pc.utf8_ltrim(values[0], characters=" "), _one_text),
    "StringTrimRight": Kernel(lambda node, values: pc.utf8_rtrim(values[0], characters=" "), _one_text),
    "Concat": Kernel(
        lambda node, values: pc.binary_join_element_wise(*values, "", null_handling="emit_null"),
        lambda node: node.dtype == "string" and operands(node) == {"string"},
    ),
    # Spark has these for others, which are their only child.
    **dict.fromkeys(
        ("Nvl", "Nvl2", "NullIf", "NullIfZero", "ZeroIfNull", "Between"),
        Kernel(_own, lambda node: len(node.children) == 1),
    ),
}
KERNELS: Final[Mapping[str, Kernel]] = {
    **arithmetic.KERNELS,
    **casts.KERNELS,
    **conditions.KERNELS,
    **text_patterns.KERNELS,
    **_OTHERS,
}
"""By Catalyst's class: all that is evaluated without Spark. A test holds each against Spark, bit by bit."""


def obstacle(tree: ExpressionNode, types: Mapping[str, pa.DataType], *, in_every_row: bool = True) -> str | None:
    """Why an expression is left to Spark, in words; None where tasks evaluate it themselves.

    Args:
        tree: The expression, with the table's own names.
        types: The table's columns.
        in_every_row: Spark evaluates it in every row. Where it does not, nothing that can fail may be in it.
    """
    if tree.kind == _ATTRIBUTE:
        if tree.name not in types:
            return f"only Spark reads `{tree.name}`"
        return None if spark_type(types[tree.name]) == types[tree.name] else f"Spark has no {types[tree.name]}"
    kernel = KERNELS.get(tree.kind)
    if kernel is None or not kernel.proven(tree):
        return f"only Spark computes {described(tree)} to these bits"
    if kernel.may_fail(tree) and not in_every_row:
        return f"{described(tree)} can fail, and is not computed in every row"
    always = kernel.always(tree)
    for place, child in enumerate(tree.children):
        found = obstacle(child, types, in_every_row=in_every_row and place < always)
        if found is not None:
            return found
    return None


def described(tree: ExpressionNode) -> str:
    """A node in words: its name, and the types it is of."""
    of = ", ".join(child.dtype for child in tree.children[:3] if child.dtype)
    if tree.kind == "Cast":
        return f"a cast from {of} to {tree.dtype}"
    return f"`{tree.name}` of {of}" if of else f"`{tree.name}`"


def compute(column: ComputedColumn, arrays: Mapping[str, pa.Array], num_rows: int) -> pa.Array:
    """A computed column of a batch.

    Args:
        column: One that tasks evaluate.
        arrays: What it reads, by name, (num_rows,) each.
        num_rows: Of the batch.

    Raises:
        TrafficError: A row has no value.
    """
    assert column.tree is not None
    try:
        found = evaluate(column.tree, arrays)
    except NoValue as error:
        raise TrafficError(f"`{column.place}` ({column.sql}): {error}") from error
    array = pa.repeat(found, num_rows) if isinstance(found, pa.Scalar) else found
    return array if array.type == column.type else array.cast(column.type)


def evaluate(tree: ExpressionNode, arrays: Mapping[str, pa.Array]) -> Datum:
    """The value of an expression that nothing stands against: an array, or a scalar for the same in every row.

    Raises:
        NoValue: A row has none.
    """
    if tree.kind == _ATTRIBUTE:
        return arrays[tree.name]
    return KERNELS[tree.kind].apply(tree, [evaluate(child, arrays) for child in tree.children])
