"""Two columns held against each other, row by row."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.features.codecs.buffers import null_mask, plain
from replay.features.codecs.numeric import is_list, is_text
from replay.features.codecs.vectors import is_vector
from replay.features.lists import take_apart

Codes = NDArray[np.int8]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

EQUAL: Final = 0
DIFFERS: Final = 1
NULL_HERE: Final = 2
NULL_THERE: Final = 3
NULL_BOTH: Final = 4
NUM_CODES: Final = 5

RELATIVE: Final = 1e-6
"""Floats that differ by no more of the larger one are equal: a few times the rounding of a float32."""


def compare(here: pa.Array, there: pa.Array) -> Codes:
    """Compare two columns of any types.

    Integers, texts and times are equal where they are the same, whatever their width or unit; floats, and a float and
    an integer, within ``RELATIVE``; two NaNs are equal. Where the traffic's floats are narrower, the others are rounded
    to them first, as a replay with them does. Lists are equal where all their elements are. A number and a text are
    never equal: their types differ.

    Args:
        here: ``(num_rows,)``.
        there: ``(num_rows,)``.

    Returns:
        ``(num_rows,)``: one of ``EQUAL``, ``DIFFERS``, ``NULL_HERE``, ``NULL_THERE`` and ``NULL_BOTH``.

    >>> compare(pa.array([1, 2, None]), pa.array([1.0, 2.5, 3.0])).tolist()
    [0, 1, 2]
    """
    here, there = plain(here), plain(there)
    codes = np.where(_equal(here, there), EQUAL, DIFFERS).astype(np.int8)
    null_here, null_there = nulls(here), nulls(there)
    codes[null_here] = NULL_HERE
    codes[null_there] = NULL_THERE
    codes[null_here & null_there] = NULL_BOTH
    return codes


def nulls(array: pa.Array) -> Mask:
    """Where an array of a plain type is null, ``(num_rows,)``."""
    if pa.types.is_null(array.type):
        return np.ones(len(array), dtype=np.bool_)
    mask = null_mask(array)
    return np.zeros(len(array), dtype=np.bool_) if mask is None else np.asarray(mask)


def is_number(kind: pa.DataType) -> bool:
    """Whether values of a plain type are numbers: bools count."""
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind))


def is_plain_text(kind: pa.DataType) -> bool:
    """Whether values of a plain type are text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view())


def as_floats(array: pa.Array) -> Floats:
    """Numbers of a plain type as float64, ``(num_rows,)``; NaN where null."""
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.float64())
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    found: Floats = array.to_numpy(zero_copy_only=False).astype(np.float64)
    return found


def near(one: Floats, other: Floats, relative: float = RELATIVE) -> Mask:
    """Where two numbers are equal, within a share of the larger one; two NaNs are."""
    with np.errstate(all="ignore"):
        close = np.abs(one - other) <= relative * np.maximum(np.abs(one), np.abs(other))
    close &= np.isfinite(one) & np.isfinite(other)
    return np.asarray(close | (one == other) | (np.isnan(one) & np.isnan(other)))


def _equal(here: pa.Array, there: pa.Array) -> Mask:
    """Where two arrays of plain types are equal; anything where one is null."""
    one, other = here.type, there.type
    if _is_listed(one) and _is_listed(other):
        return _equal_lists(here, there)
    if pa.types.is_integer(one) and pa.types.is_integer(other):
        return _filled(pc.equal(here.cast(_wide(one, other)), there.cast(_wide(one, other))))
    if is_number(one) and is_number(other):
        return near(as_floats(here), _rounded(as_floats(there), one))
    if is_text(one) and is_text(other):
        return _filled(pc.equal(here.cast(pa.large_binary()), there.cast(pa.large_binary())))
    if pa.types.is_temporal(one) and pa.types.is_temporal(other):
        return _equal_times(here, there)
    return np.zeros(len(here), dtype=np.bool_)


def _rounded(numbers: Floats, kind: pa.DataType) -> Floats:
    """Numbers as they are in a narrower type of floats: what is too small for it is 0, what is too large infinite."""
    if not pa.types.is_floating(kind) or pa.types.is_float64(kind):
        return numbers
    with np.errstate(over="ignore", under="ignore"):
        return numbers.astype(kind.to_pandas_dtype()).astype(np.float64)


def _is_listed(kind: pa.DataType) -> bool:
    return bool(is_list(kind) or is_vector(kind))


def _wide(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """A type that holds the integers of two; of uint64 and a signed one, decimals do."""
    unsigned = [pa.types.is_uint64(kind) for kind in (one, other)]
    if not any(unsigned):
        return pa.int64()
    return pa.uint64() if all(unsigned) else pa.decimal128(38)


def _filled(equal: pa.Array) -> Mask:
    return np.asarray(equal.fill_null(False).to_numpy(zero_copy_only=False))


def _equal_times(here: pa.Array, there: pa.Array) -> Mask:
    try:
        return _filled(pc.equal(_moment(here), _moment(there)))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return np.zeros(len(here), dtype=np.bool_)


def _moment(array: pa.Array) -> pa.Array:
    """Timestamps and dates as microseconds since 1970 in UTC; durations and times of the day as they are."""
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        return pc.cast(array, pa.timestamp("us", tz=getattr(array.type, "tz", None)), safe=False).cast(pa.int64())
    return array


def _equal_lists(here: pa.Array, there: pa.Array) -> Mask:
    """Lists of the same length whose elements are all equal; null elements are equal to each other."""
    one, other = take_apart(here), take_apart(there)
    equal = np.asarray(one.lengths == other.lengths)
    both = [each.without(~equal) for each in (one, other)]
    rows, _ = both[0].places()
    codes = compare(*(each.elements() for each in both))
    equal[rows[(codes != EQUAL) & (codes != NULL_BOTH)]] = False
    return equal
