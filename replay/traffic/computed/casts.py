"""Casts on Arrow arrays: those that cannot be rounded or overflow otherwise than in Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.kernel import ARROW_TYPES, FLOATS, INTEGERS, Datum, Kernel, NoValue
from replay.traffic.computed.text_values import READERS, read_texts

_WHOLE: Final = ("int", "bigint")


def _widens(source: str, target: str) -> bool:
    """Whether no value is lost or raises: to a wider integer, to any float (rounded to the nearest), or from a bool."""
    if source == "boolean":
        return target in (*INTEGERS, *FLOATS)
    if source in INTEGERS:
        return target in FLOATS or (target in INTEGERS and INTEGERS.index(target) >= INTEGERS.index(source))
    return source in FLOATS and target in FLOATS


def _narrows(source: str, target: str, mode: str | None) -> bool:
    """Whether a value may be too large for the target."""
    if mode != "ansi":
        return False
    if source in INTEGERS and target in INTEGERS:
        return INTEGERS.index(target) < INTEGERS.index(source)
    return source == "double" and target in _WHOLE


def _reads(node: ExpressionNode) -> bool:
    return node.children[0].dtype == "string" and node.dtype in READERS and node.mode in ("ansi", "try")


def _from_decimal_literal(node: ExpressionNode) -> bool:
    (child,) = node.children
    return child.kind == "Literal" and child.dtype.startswith("decimal") and node.dtype == "double"


def _proven(node: ExpressionNode) -> bool:
    (child,) = node.children
    source, target = child.dtype, node.dtype
    if target not in ARROW_TYPES:
        return False
    if source == target or (child.kind == "Literal" and child.value is None) or _from_decimal_literal(node):
        return True
    if _widens(source, target) or _narrows(source, target, node.mode) or _reads(node):
        return True
    return source in ("boolean", *INTEGERS) and target == "string"


def _may_fail(node: ExpressionNode) -> bool:
    (child,) = node.children
    return node.mode == "ansi" and (_reads(node) or _narrows(child.dtype, node.dtype, node.mode))


def _cast(node: ExpressionNode, values: Sequence[Datum]) -> Datum:
    (child,), (value,) = node.children, values
    target = ARROW_TYPES[node.dtype]
    if child.kind == "Literal" and child.value is None:
        return pa.scalar(None, target)
    if _from_decimal_literal(node):
        return pa.scalar(float(child.value or ""), target)
    if _reads(node):
        texts = pa.array([value.as_py()]) if isinstance(value, pa.Scalar) else value
        read = read_texts(texts, node.dtype, target, attempt=node.mode == "try")
        return read[0] if isinstance(value, pa.Scalar) else read
    if child.dtype == "double" and node.dtype in _WHOLE:
        return _whole(value, node.dtype, target)
    try:
        return pc.cast(value, target, safe=child.dtype in INTEGERS and node.dtype in INTEGERS)
    except pa.ArrowInvalid as error:
        raise NoValue(f"a value of {child.dtype} is more than {node.dtype} holds") from error


def _whole(values: Datum, dtype: str, target: pa.DataType) -> Datum:
    """Cut to whole numbers; the largest double that rounds to 2^63 is the largest long, as in Java."""
    bound = float(2 ** (target.bit_width - 1))
    most = pa.scalar(bound if dtype == "bigint" else bound - 1)
    fits = pc.and_(pc.less_equal(pc.floor(values), most), pc.greater_equal(pc.ceil(values), pa.scalar(-bound)))
    if not pc.all(pc.fill_null(fits, True), min_count=0).as_py():
        bad = values.filter(pc.invert(pc.fill_null(fits, True)))[0].as_py()
        raise NoValue(f"{bad!r} is more than {dtype} holds")
    saturated = pc.equal(values, pa.scalar(bound))
    inside = pc.cast(pc.if_else(saturated, pa.scalar(0.0), values), target, safe=False)
    return pc.if_else(saturated, pa.scalar(2 ** (target.bit_width - 1) - 1, target), inside)


KERNELS: Final[Mapping[str, Kernel]] = {
    "Cast": Kernel(_cast, _proven, _may_fail),
    "MicrosToTimestamp": Kernel(
        lambda node, values: pc.cast(values[0], ARROW_TYPES["timestamp"]),
        lambda node: node.children[0].dtype == "bigint",
    ),
}
"""By Catalyst's class."""
