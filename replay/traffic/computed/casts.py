"""Casts on Arrow arrays: those that cannot be rounded or overflow otherwise than in Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.kernel import (
    ARROW_TYPES,
    FLOATS,
    INTEGERS,
    Datum,
    Kernel,
    NoValue,
    arrow_type,
    literal,
)
from replay.traffic.computed.text_values import READERS, read_texts

_WHOLE: Final = ("int", "bigint")
_YEAR_0: Final = -719_528  # days since 1970
_YEAR_10000: Final = 2_932_897


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


def _read_by_spark(node: ExpressionNode) -> bool:
    """Whether it is of a literal, and Spark's analyser says what it makes of it."""
    return node.children[0].kind == "Literal" and node.value is not None


def _keeps_decimals(source: str, target: str) -> bool:
    """Whether every decimal of one type is one of another."""
    held, wanted = arrow_type(source), arrow_type(target)
    if held is None or wanted is None or not (pa.types.is_decimal(held) and pa.types.is_decimal(wanted)):
        return False
    return bool(wanted.scale >= held.scale and wanted.precision - wanted.scale >= held.precision - held.scale)


def _proven(node: ExpressionNode) -> bool:
    (child,) = node.children
    source, target = child.dtype, node.dtype
    if _read_by_spark(node) or _keeps_decimals(source, target):
        return arrow_type(target) is not None
    if target not in ARROW_TYPES:
        return False
    if source == target or (child.kind == "Literal" and child.value is None) or _from_decimal_literal(node):
        return True
    if _widens(source, target) or _narrows(source, target, node.mode) or _reads(node):
        return True
    return source in ("boolean", "date", *INTEGERS) and target == "string"


def _may_fail(node: ExpressionNode) -> bool:
    (child,) = node.children
    return (
        not _read_by_spark(node)
        and node.mode == "ansi"
        and (_reads(node) or _narrows(child.dtype, node.dtype, node.mode))
    )


def _cast(node: ExpressionNode, values: Sequence[Datum]) -> Datum:
    (child,), (value,) = node.children, values
    if _read_by_spark(node):
        return literal(node.value, node.dtype)
    if _keeps_decimals(child.dtype, node.dtype):
        return pc.cast(value, arrow_type(node.dtype))
    target = ARROW_TYPES[node.dtype]
    if child.kind == "Literal" and child.value is None:
        return pa.scalar(None, target)
    if _from_decimal_literal(node):
        return pa.scalar(float(child.value or ""), target)
    if _reads(node):
        texts = pa.array([value.as_py()]) if isinstance(value, pa.Scalar) else value
        read = read_texts(texts, node.dtype, target, attempt=node.mode == "try")
        return read[0] if isinstance(value, pa.Scalar) else read
    if child.dtype == "date" and node.dtype == "string":
        return _days(value)
    if child.dtype == "double" and node.dtype in _WHOLE:
        return _whole(value, node.dtype, target)
    try:
        return pc.cast(value, target, safe=child.dtype in INTEGERS and node.dtype in INTEGERS)
    except pa.ArrowInvalid as error:
        raise NoValue(f"a value of {child.dtype} is more than {node.dtype} holds") from error


def _days(values: Datum) -> Datum:
    """Dates as text; years of more than four digits have a sign, as in Java."""
    if isinstance(values, pa.Scalar):
        return _days(pa.array([values.as_py()], pa.date32()))[0]
    days = values.cast(pa.int32()).fill_null(0).to_numpy()
    texts = np.datetime_as_string(days.astype("datetime64[D]"))
    unlike = np.flatnonzero((days >= _YEAR_10000) | (days < _YEAR_0))
    if len(unlike):
        texts = texts.astype(object)
        texts[unlike] = [_signed(text) for text in texts[unlike]]
    return pa.array(texts, pa.string(), mask=values.is_null().to_numpy(zero_copy_only=False))


def _signed(text: str) -> str:
    year, month, day = text.rsplit("-", 2)
    return f"{int(year):+05d}-{month}-{day}"


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
