"""Comparisons, logic and choices on Arrow arrays, as Spark has them: NaN equals itself, and is above every number."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.kernel import (
    ARROW_TYPES,
    FLOATS,
    Datum,
    Kernel,
    arrow_type,
    both_if_constant,
    operands,
)


def _equal(dtype: str, left: Datum, right: Datum) -> Datum:
    same = pc.equal(left, right)
    return pc.or_(same, pc.and_(pc.is_nan(left), pc.is_nan(right))) if dtype in FLOATS else same


def _less(dtype: str, left: Datum, right: Datum) -> Datum:
    less = pc.less(left, right)
    return pc.or_(less, pc.and_(pc.invert(pc.is_nan(left)), pc.is_nan(right))) if dtype in FLOATS else less


def _at_most(dtype: str, left: Datum, right: Datum) -> Datum:
    at_most = pc.less_equal(left, right)
    return pc.or_(at_most, pc.is_nan(right)) if dtype in FLOATS else at_most


def _null_safe_equal(dtype: str, left: Datum, right: Datum) -> Datum:
    both_null = pc.and_(pc.is_null(left), pc.is_null(right))
    return pc.or_(pc.fill_null(_equal(dtype, left, right), False), both_null)


def _comparable(node: ExpressionNode) -> bool:
    types = operands(node)
    return len(types) == 1 and arrow_type(*types) is not None


def _comparison(compare: Callable[[str, Datum, Datum], Datum]) -> Kernel:
    def apply(node: ExpressionNode, values: Sequence[Datum]) -> Datum:
        return compare(node.children[0].dtype, *values)

    return Kernel(apply, _comparable, always=both_if_constant)


def _in(node: ExpressionNode, values: Sequence[Datum]) -> Datum:
    dtype = node.children[0].dtype
    return functools.reduce(pc.or_kleene, (_equal(dtype, values[0], each) for each in values[1:]))


def _logic(function: Callable[..., Datum]) -> Kernel:
    return Kernel(lambda node, values: function(*values), lambda node: operands(node) == {"boolean"})


def _choose(condition: Datum, yes: Datum, no: Datum) -> Datum:
    """A condition that is null does not hold."""
    return pc.if_else(pc.fill_null(condition, False), yes, no)


def _case(node: ExpressionNode, values: Sequence[Datum]) -> Datum:
    has_else = len(values) % 2 == 1
    found = values[-1] if has_else else pa.scalar(None, ARROW_TYPES[node.dtype])
    pairs = list(zip(values[0::2], values[1::2], strict=False))
    for condition, value in reversed(pairs):
        found = _choose(condition, value, found)
    return found


def _flat(node: ExpressionNode) -> bool:
    return node.dtype in ARROW_TYPES and {child.dtype for child in node.children} <= {node.dtype, "boolean"}


def _any_type(node: ExpressionNode) -> bool:
    return True


KERNELS: Final[Mapping[str, Kernel]] = {
    "EqualTo": _comparison(_equal),
    "EqualNullSafe": _comparison(_null_safe_equal),
    "LessThan": _comparison(_less),
    "LessThanOrEqual": _comparison(_at_most),
    "GreaterThan": _comparison(lambda dtype, left, right: _less(dtype, right, left)),
    "GreaterThanOrEqual": _comparison(lambda dtype, left, right: _at_most(dtype, right, left)),
    "In": Kernel(_in, _comparable),
    "And": _logic(pc.and_kleene),
    "Or": _logic(pc.or_kleene),
    "Not": _logic(pc.invert),
    "IsNull": Kernel(lambda node, values: pc.is_null(values[0]), _any_type),
    "IsNotNull": Kernel(lambda node, values: pc.is_valid(values[0]), _any_type),
    "IsNaN": Kernel(
        lambda node, values: pc.fill_null(pc.is_nan(values[0]), False), lambda node: operands(node) <= set(FLOATS)
    ),
    "Coalesce": Kernel(
        lambda node, values: pc.coalesce(*values), lambda node: operands(node) <= {node.dtype} & set(ARROW_TYPES)
    ),
    "If": Kernel(lambda node, values: _choose(*values), _flat),
    "CaseWhen": Kernel(_case, _flat),
}
"""By Catalyst's class."""
