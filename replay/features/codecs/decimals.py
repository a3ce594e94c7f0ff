"""Decimal columns as int64 or float64, vectorised where 64 bits are enough and exact everywhere."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.features.codecs.buffers import null_mask
from replay.features.dtypes import Array

_INT64: Final = np.iinfo(np.int64)
_EXACT_INTEGER: Final = 2**53  # float64 holds every integer up to here,
_EXACT_POWER: Final = 22  # and every power of ten up to this one: one division of the two is one rounding


def decimal_to_integers(array: pa.Array) -> tuple[Array, npt.NDArray[np.bool_] | None]:
    """Decimals as integers.

    Args:
        array: Decimals of any width, precision and scale.

    Returns:
        (num_values,) int64, and where a value is not an integer of 64 bits (None: all are). What both say of a null
        does not count.
    """
    unscaled, small = _unscaled(array)
    scale = array.type.scale
    if scale == 0 and small.all():
        return unscaled, None
    if 0 <= scale <= 18:
        integers, rest = np.divmod(unscaled, np.int64(10**scale))
        fits = small & (rest == 0)
        rare = ~small
    else:
        integers, fits, rare = np.zeros_like(unscaled), np.zeros(len(unscaled), bool), np.ones(len(unscaled), bool)
    for place, value in _exactly(array, rare):
        numerator, denominator = value.as_integer_ratio()
        if denominator == 1 and _INT64.min <= numerator <= _INT64.max:
            integers[place], fits[place] = numerator, True
    return integers, None if fits.all() else ~fits


def decimal_to_floats(array: pa.Array) -> Array:
    """Decimals as the nearest float64, (num_values,); beyond its range infinity, and anything where it is null."""
    unscaled, small = _unscaled(array)
    scale = array.type.scale
    if 0 <= scale <= _EXACT_POWER:
        rare = ~(small & (unscaled <= _EXACT_INTEGER) & (unscaled >= -_EXACT_INTEGER))
        floats: Array = unscaled.astype(np.float64) / 10.0**scale
    else:
        rare, floats = np.ones(len(unscaled), bool), np.zeros(len(unscaled))
    for place, value in _exactly(array, rare):
        floats[place] = float(value)
    return floats


def _unscaled(array: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Unscaled values, (num_values,) int64, and whether those 64 bits are the whole value."""
    words, start, size = array.type.bit_width // 64, array.offset, len(array)
    data = array.buffers()[1]
    if words == 0:
        return np.frombuffer(data, np.int32, size, start * 4).astype(np.int64), np.ones(size, bool)
    limbs = np.frombuffer(data, np.int64, size * words, start * words * 8).reshape(size, words)
    sign = limbs[:, 0] >> 63
    return limbs[:, 0], (limbs[:, 1:] == sign[:, None]).all(axis=1)


def _exactly(array: pa.Array, rare: npt.NDArray[np.bool_]) -> list[tuple[int, Any]]:
    """(place, value) of the values that numpy's 64 bits are too few for, as Python's decimals."""
    null = null_mask(array)
    places = np.flatnonzero(rare if null is None else rare & ~null)
    if not len(places):
        return []
    return list(zip(places.tolist(), array.take(pa.array(places)).to_pylist(), strict=True))
