"""Which values a tensor's dtype can hold."""

from __future__ import annotations

import math
from typing import Literal, get_args

from replay.config.messages.wording import describe

DType = Literal["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
DTYPES: tuple[str, ...] = get_args(DType)

_LARGEST_FLOAT = {
    "float64": math.inf,
    "float32": (2 - 2.0**-23) * 2.0**127,
    "float16": 65504.0,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
}
_INTEGERS = {
    "int64": (-(2**63), 2**63 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int8": (-128, 127),
    "uint8": (0, 255),
    "bool": (0, 1),
}


def largest_index(dtype: str) -> int | None:
    """The largest integer that an integer dtype holds, or None for another dtype.

    >>> largest_index("int8"), largest_index("float32")
    (127, None)
    """
    return _INTEGERS[dtype][1] if dtype.startswith("int") and dtype in _INTEGERS else None


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
    found = describe(value)
    if isinstance(value, str):
        number = as_number(value) if dtype in _LARGEST_FLOAT else None
        if number is None:
            return f"found {found}, expected a number: text needs a `vocabulary` or `hash`"
        value = number
    if not isinstance(value, (bool, int, float)):
        return None
    if dtype in _LARGEST_FLOAT:
        largest = _LARGEST_FLOAT[dtype]
        if largest < abs(value) != math.inf:
            return f"found {found}, which {dtype} cannot hold: its largest value is {largest:g}"
        return None
    low, high = _INTEGERS[dtype]
    if isinstance(value, float) and not value.is_integer():
        return f"found {found}, expected a whole number: the dtype is {dtype}"
    if not low <= value <= high:
        return f"found {found}, which {dtype} cannot hold: expected {low} to {high}"
    return None
