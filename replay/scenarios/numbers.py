"""Arithmetic on every kind of number, back in its own type: rounded and clamped where that has to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.features.codecs.base import NUMPY_TYPES
from replay.features.codecs.buffers import fixed_width_values, null_mask
from replay.features.codecs.decimals import decimal_to_floats
from replay.scenarios.op import OpProblem, Site

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]

MOST_DIGITS = 18
"""Digits of a decimal whose unscaled value always fits 64 bits."""


def require_numbers(site: Site) -> None:
    """Refuse a feature that does not hold numbers.

    Raises:
        OpProblem: It holds text, bytes, times or something nested.
    """
    kind = site.scalar
    if kind in NUMPY_TYPES or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return
    raise OpProblem(
        f"`{site.op}` changes numbers, but `{site.feature}` is logged as {site.logged}: leave it out, or use "
        "nulls, constant, shuffle or out_of_vocabulary"
    )


def is_integral(kind: pa.DataType) -> bool:
    """Whether all values of a number type are integers."""
    return bool(
        pa.types.is_integer(kind) or pa.types.is_boolean(kind) or (pa.types.is_decimal(kind) and kind.scale <= 0)
    )


def bounds(kind: pa.DataType) -> tuple[float, float]:
    """The smallest and largest finite value of a number type, as the nearest floats."""
    if pa.types.is_decimal(kind):
        largest = (10**kind.precision - 1) / 10**kind.scale
        return -largest, largest
    if pa.types.is_boolean(kind):
        return 0.0, 1.0
    dtype = NUMPY_TYPES[kind]
    info = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    return float(info.min), float(info.max)


def map_numbers(values: pa.Array, function: Callable[[Floats], Floats]) -> pa.Array:
    """Apply a function of float64 to numbers of any type.

    Integers, bools and decimals are rounded half to even to what their type holds, and clamped to its range; floats go
    to their nearest value, beyond the range to infinity. A value that the function leaves alone keeps all its digits,
    also those that float64 has no room for. Nulls stay null.

    Args:
        values: (k,) of a number type.
        function: From (k,) to (k,).
    """
    if len(values) == 0 or pa.types.is_null(values.type):
        return values
    with np.errstate(all="ignore"):  # what lies under a null may be anything, and infinity is an answer
        if pa.types.is_decimal(values.type):
            return _map_decimals(values, function)
        numbers = fixed_width_values(values, NUMPY_TYPES[values.type])
        before = numbers.astype(np.float64)
        after = function(before)
        if numbers.dtype.kind == "f":
            changed = after.astype(numbers.dtype)
        elif numbers.dtype.kind == "b":
            changed = np.rint(after) > 0
        else:
            changed = np.where(after == before, numbers, to_integers(after, numbers.dtype))
    return from_numpy(changed, values)


def add_to_numbers(values: pa.Array, amounts: Floats) -> pa.Array:
    """Add to numbers; to integers the amount rounded half to even, exactly, and clamped to the type's range.

    Args:
        values: (k,) of a number type.
        amounts: (k,), finite.
    """
    if len(values) == 0 or not pa.types.is_integer(values.type):
        return map_numbers(values, lambda numbers: np.where(amounts == 0, numbers, numbers + amounts))
    numbers = fixed_width_values(values, NUMPY_TYPES[values.type])
    info = np.iinfo(numbers.dtype)
    whole = to_integers(amounts, np.dtype(np.int64))
    if info.bits < 64:
        # Amounts beyond twice the type's range clamp just as well, and their sum cannot overflow.
        reach = 2 ** (info.bits + 1)
        added = np.clip(numbers.astype(np.int64) + np.clip(whole, -reach, reach), info.min, info.max)
        return from_numpy(added.astype(numbers.dtype), values)
    # The same bits in the values' own type: what they add there wraps around exactly where it leaves the range.
    added = numbers + whole.astype(numbers.dtype)
    added = np.where((whole > 0) & (added < numbers), numbers.dtype.type(info.max), added)
    added = np.where((whole < 0) & (added > numbers), numbers.dtype.type(info.min), added)
    return from_numpy(added, values)


def to_integers(numbers: Floats, dtype: np.dtype[Any]) -> Numbers:
    """Round half to even and clamp to the range of an integer type; NaN becomes 0, (k,)."""
    info = np.iinfo(dtype)
    whole = np.rint(np.nan_to_num(numbers, nan=0.0, posinf=np.inf, neginf=-np.inf))
    low, high = whole <= float(info.min), whole >= float(info.max)
    inside = np.where(low | high, 0.0, whole).astype(dtype)
    return np.where(low, dtype.type(info.min), np.where(high, dtype.type(info.max), inside))


def from_numpy(numbers: Numbers, like: pa.Array) -> pa.Array:
    """Numbers as an array with the type and the nulls of another."""
    return pa.array(numbers, like.type, mask=null_mask(like))


def unscaled(values: pa.Array) -> npt.NDArray[np.int64]:
    """Unscaled integers of decimals of at most ``MOST_DIGITS`` digits, (k,); anything where it is null."""
    kind = values.type
    count, start, data = len(values), values.offset, values.buffers()[1]
    if kind.bit_width == 32:
        return np.frombuffer(data, np.int32, count, start * 4).astype(np.int64)
    words = kind.bit_width // 64
    return np.frombuffer(data, np.int64, count * words, start * words * 8)[::words]


def from_unscaled(integers: npt.NDArray[np.int64], like: pa.Array) -> pa.Array:
    """Decimals of unscaled integers, with the type and the nulls of another array."""
    kind, null = like.type, null_mask(like)
    whole = pa.array(integers, mask=null)
    if kind.bit_width == 32:
        data = whole.cast(pa.int32(), safe=False).buffers()[1]
    else:
        words = np.repeat((integers >> 63)[:, None], kind.bit_width // 64, axis=1)
        words[:, 0] = integers
        data = pa.py_buffer(np.ascontiguousarray(words))
    return pa.Array.from_buffers(kind, len(integers), [whole.buffers()[0], data])


def _map_decimals(values: pa.Array, function: Callable[[Floats], Floats]) -> pa.Array:
    kind = values.type
    before = decimal_to_floats(values)
    after = function(before)
    if kind.precision <= MOST_DIGITS:
        most = 10**kind.precision - 1
        whole = to_integers(after * 10.0**kind.scale, np.dtype(np.int64)).clip(-most, most)
        changed = from_unscaled(whole, values)
    else:
        low, high = bounds(kind)
        inside = np.clip(np.nan_to_num(after), np.nextafter(low, 0), np.nextafter(high, 0))
        changed = pa.array(inside, mask=null_mask(values)).cast(kind)
    return pc.if_else(pa.array(after == before), values, changed)
