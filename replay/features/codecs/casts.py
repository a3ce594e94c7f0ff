"""Casts that lose nothing but a float's rounding, or say which values they cannot do.

========  ==========================================================================================
from, to  rule
========  ==========================================================================================
integer   to an integer: in range. To a float: only what it holds exactly. To a bool: 0 and 1.
float     to a float: the nearest value, ties to even, in one rounding; NaN and infinities stay; a finite
          value that would become infinite is refused. To an integer: integral and in range, so neither
          NaN nor infinity. To a bool: 0.0 and 1.0.
bool      0 or 1 of any dtype.
========  ==========================================================================================

Where an integer dtype takes indices with an offset, the value as an int64 must be one that the dtype holds with the
offset added.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from replay.features.dtypes import TARGETS, Array, TensorDtype

Unfit = npt.NDArray[np.bool_] | None
"""True where a value is not representable, in the shape of the values; None: all are."""

Cast = Callable[[Array], tuple[Array, Unfit]]
"""Takes values of one numpy dtype and of any shape; gives them in the target's storage."""


_INT64: Final = TARGETS["int64"]


def make_cast(source: np.dtype[Any], target: TensorDtype, offset: int = 0) -> Cast:
    """Choose the cast from a numpy dtype (bool, integer, float) to a tensor dtype.

    Args:
        source: dtype of the values to come.
        target: What they become. Values that do not fit come out as anything; the mask says which they are.
        offset: Added to each value, for an integer target.
    """
    if offset:
        to_integer = make_cast(source, _INT64)
        return lambda values: _shift(*to_integer(values), target, offset)
    if _holds_all(source, target):
        return (lambda values: (values, None)) if source == target.storage else lambda values: _widen(values, target)
    if target.kind == "b":
        return lambda values: _to_bool(values)
    if target.kind == "i":
        rule = _float_to_integer if source.kind == "f" else _integer_to_integer
    else:
        rule = _float_to_float if source.kind == "f" else _integer_to_float
    return lambda values: rule(values, target)


def _shift(values: Array, unfit: Unfit, target: TensorDtype, offset: int) -> tuple[Array, Unfit]:
    low, high = max(_INT64.low, target.low - offset), min(_INT64.high, target.high - offset)
    shifted = (values + np.int64(offset)).astype(target.storage, copy=False)
    outside = (values < low) | (values > high)
    if unfit is not None:
        outside |= unfit
    return shifted, outside if outside.any() else None


def _holds_all(source: np.dtype[Any], target: TensorDtype) -> bool:
    """Whether the target holds every value of a dtype exactly. To numpy an int64 is "safe" in a float64; it is not."""
    if source.kind in "iu" and target.kind == "f":
        return source.itemsize * 8 <= target.digits
    if source.kind == "f" and target.name == "bfloat16":
        return False
    return bool(np.can_cast(source, target.storage, "safe"))


def _widen(values: Array, target: TensorDtype) -> tuple[Array, Unfit]:
    with np.errstate(invalid="ignore"):  # a signalling NaN, which becomes a quiet one
        return values.astype(target.storage), None


def _to_bool(values: Array) -> tuple[Array, Unfit]:
    truth = values == 1
    unfit = ~(truth | (values == 0))
    return truth, unfit if unfit.any() else None


def _integer_to_integer(values: Array, target: TensorDtype) -> tuple[Array, Unfit]:
    cast = values.astype(target.storage)
    if values.size == 0 or (values.min() >= target.low and values.max() <= target.high):
        return cast, None
    return cast, (values < target.low) | (values > target.high)


def _float_to_integer(values: Array, target: TensorDtype) -> tuple[Array, Unfit]:
    # Both bounds are powers of two (or zero), so float32 and float64 hold them; float16 does not.
    wide = values.astype(np.float64) if values.dtype.itemsize < 4 else values
    with np.errstate(invalid="ignore"):
        fits = (wide >= target.low) & (wide < float(target.high + 1)) & (wide == np.trunc(wide))
    if fits.all():
        return wide.astype(target.storage), None
    return np.where(fits, wide, 0).astype(target.storage), ~fits


def _integer_to_float(values: Array, target: TensorDtype) -> tuple[Array, Unfit]:
    exact = 2**target.digits
    if values.size == 0 or (values.min() >= -exact and values.max() <= exact):
        return values.astype(target.storage), None
    # Exact when what is left after the trailing zero bits fits the significand. The two's complement of the
    # smallest int64 is its own magnitude, read as unsigned.
    magnitude = np.where(values < 0, np.negative(values.astype(np.uint64)), values.astype(np.uint64))
    lowest_bit = np.maximum(magnitude & np.negative(magnitude), np.uint64(1))
    unfit = magnitude // lowest_bit >= np.uint64(exact)
    unfit |= magnitude > min(target.high, 2**64 - 1)
    with np.errstate(over="ignore"):
        cast = values.astype(target.storage)
    return cast, unfit if unfit.any() else None


def _float_to_float(values: Array, target: TensorDtype) -> tuple[Array, Unfit]:
    with np.errstate(over="ignore", invalid="ignore"):
        cast = values.astype(target.storage)
    if target.name == "bfloat16" and values.dtype.itemsize == 8:
        cast = _one_rounding(values, cast)
    if np.isfinite(cast).all() and target.overflow == np.inf:
        return cast, None
    unfit = np.isfinite(values) & (np.abs(cast) >= target.overflow)
    return cast, unfit if unfit.any() else None


def _one_rounding(values: Array, cast: Array) -> Array:
    """Undo what a first rounding to float32 would do to the second one, to bfloat16.

    The second rounding goes astray only where the first one landed on a tie; a step back towards the value breaks it.
    """
    tie = ((cast.view(np.uint32) & 0xFFFF) == 0x8000) & np.isfinite(values) & (cast != values)
    if tie.any():
        towards = np.where(values[tie] > cast[tie], np.float32(np.inf), np.float32(-np.inf))
        cast[tie] = np.nextafter(cast[tie], towards)
    return cast
