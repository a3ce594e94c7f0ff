"""Dtypes of tensors and the values that they hold; ``features/dtypes.py`` adds what torch and numpy know of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

from replay.config.messages.wording import describe

DType = Literal["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]

InputDType = Literal[
    "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "string"
]
"""What an input may be: numbers of a dtype, or text, which only ONNX models take."""


@dataclass(frozen=True)
class NumberRange:
    """The values of a dtype.

    Attributes:
        kind: ``i`` (integer), ``f`` (float) or ``b`` (bool).
        low: Smallest integer it holds (of a float: negated ``high``).
        high: Largest integer it holds; of a float: the largest finite value.
        digits: Bits of a float's significand; every integer up to ``2 ** digits`` is exact. 0 for the others.
    """

    kind: Literal["i", "f", "b"]
    low: int
    high: int
    digits: int = 0


def _float(digits: int, max_exponent: int) -> NumberRange:
    largest = (2**digits - 1) * 2 ** (max_exponent - digits)
    return NumberRange("f", -largest, largest, digits)


def _integer(bits: int) -> NumberRange:
    return NumberRange("i", -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


DTYPES: Final[dict[str, NumberRange]] = {
    "float64": _float(53, 1024),
    "float32": _float(24, 128),
    "float16": _float(11, 16),
    "bfloat16": _float(8, 128),
    "int64": _integer(64),
    "int32": _integer(32),
    "int16": _integer(16),
    "int8": _integer(8),
    "uint8": NumberRange("i", 0, 255),
    "bool": NumberRange("b", 0, 1),
}
"""Every ``DType``, in its order."""
assert tuple(DTYPES) == get_args(DType)
assert (*DTYPES, "string") == get_args(InputDType)


def largest_index(dtype: str) -> int | None:
    """The largest integer that a signed integer dtype holds, or None for another dtype.

    >>> largest_index("int8"), largest_index("float32")
    (127, None)
    """
    return DTYPES[dtype].high if dtype.startswith("int") and dtype in DTYPES else None


def as_number(text: str) -> float | None:
    """Read text as a number, or None where it is none.

    >>> as_number("1e-6"), as_number("home")
    (1e-06, None)
    """
    try:
        return float(text)
    except ValueError:
        return None


def misfit(value: object, dtype: str) -> str | None:
    """Why a dtype cannot hold a default, or None where it can.

    A float dtype may round a value, but not turn it infinite; an integer dtype holds whole numbers in its range.

    >>> misfit(0.1, "float32"), misfit(3.5, "int64")
    (None, 'found 3.5, expected a whole number: the dtype is int64')
    """
    found, held = describe(value), DTYPES[dtype]
    if isinstance(value, str):
        number = as_number(value) if held.kind == "f" else None
        if number is None:
            return f"found {found}, expected a number: text needs a `vocabulary` or `hash`"
        value = number
    if not isinstance(value, (bool, int, float)):
        return None
    if held.kind == "f":
        if held.high < abs(value) != math.inf:
            return f"found {found}, which {dtype} cannot hold: its largest value is {held.high:g}"
        return None
    if isinstance(value, float) and not value.is_integer():
        return f"found {found}, expected a whole number: the dtype is {dtype}"
    if not held.low <= value <= held.high:
        return f"found {found}, which {dtype} cannot hold: expected {held.low} to {held.high}"
    return None
