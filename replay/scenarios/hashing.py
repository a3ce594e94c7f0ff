"""Rows by a hash of their key, and which of them a share takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.errors import TrafficError
from replay.features.codecs.buffers import null_mask, plain
from replay.features.codecs.numeric import is_text
from replay.hashing import Keys, bits, mix, normal, salted, uniform
from replay.xxh64 import hash_bytes

__all__ = ["Keys", "bits", "element_keys", "mix", "normal", "row_keys", "salted", "selected", "uniform"]

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_NULL: Final = np.uint64(0x6E756C6C6E756C6C)
_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def selected(keys: Keys, salt: int, rate: float) -> npt.NDArray[np.bool_]:
    """Where ``uniform(keys, salt) < rate``, (n,): a higher rate takes the same keys and more.

    >>> keys = np.arange(1000, dtype=np.uint64)
    >>> bool((selected(keys, 7, 0.3) == (uniform(keys, 7) < 0.3)).all())
    True
    """
    if rate <= 0 or rate >= 1:
        return np.full(len(keys), rate > 0)
    # As integers: rate * 2**53 is exact, and a share of it below one step takes that step.
    return (bits(keys, salt) >> np.uint64(11)) < np.uint64(math.ceil(rate * 2**53))


def row_keys(columns: Sequence[pa.Array]) -> Keys:
    """Hash composite keys.

    A value counts, not how it is stored: the width of an integer or float, a dictionary, the scale of a decimal, and
    the unit and zone of a timestamp (which is taken to the microsecond) change nothing. Text and bytes are hashed as
    their bytes.

    Args:
        columns: The key's columns, (n,) each, at least one, in the order of the config.

    Returns:
        (n,) uint64. Two keys of a table of N rows share a hash with a probability of about N**2 / 2**65; such rows are
        then touched together, and nothing else.

    Raises:
        TrafficError: When a column has a type that is no key.

    >>> bool(row_keys([pa.array([5], pa.int8())]) == row_keys([pa.array([5], pa.uint64())]))
    True
    """
    keys = np.full(len(columns[0]), _GOLDEN, np.uint64)
    for column in columns:
        keys = mix(keys + hash_column(column))
    return keys


def element_keys(keys: Keys, places: npt.NDArray[np.int64]) -> Keys:
    """Keys of the elements of lists.

    Args:
        keys: (m,) of the row that each element is in.
        places: (m,) of the element in its list.
    """
    return mix(keys + (places.astype(np.uint64) + np.uint64(1)) * _GOLDEN)


def hash_column(column: pa.Array) -> Keys:
    """One column's values, hashed, (n,); a null has a hash of its own."""
    if isinstance(column, pa.DictionaryArray) and 0 < len(column.dictionary) < len(column):
        return _hash_dictionary(column)
    values = plain(column)
    if pa.types.is_null(values.type):
        return np.full(len(values), _NULL, np.uint64)
    null = null_mask(values)
    hashed = _hash_of(values.type)(values)
    return hashed if null is None else np.where(null, _NULL, hashed)


def _hash_dictionary(column: pa.DictionaryArray) -> Keys:
    """Values of a dictionary, hashed once each."""
    distinct, null = hash_column(column.dictionary), null_mask(column.indices)
    hashed: Keys = distinct[_filled(column.indices)]
    return hashed if null is None else np.where(null, _NULL, hashed)


def _hash_of(kind: pa.DataType) -> Callable[[pa.Array], Keys]:
    if pa.types.is_integer(kind):
        return _integers
    if pa.types.is_boolean(kind):
        return lambda values: _tagged(pc.fill_null(values, False).cast(pa.int8()).to_numpy().astype(np.uint64), 1)
    if pa.types.is_floating(kind):
        return _floats
    if is_text(kind):
        return _texts
    if pa.types.is_decimal(kind):
        return _decimals
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return _times
    raise TrafficError(
        f"found a key column of {kind}, expected integers, text, bytes, decimals, timestamps, bools or floats: give "
        "`traffic.key` other columns"
    )


def _tagged(values: Keys, tag: int) -> Keys:
    """Values of different kinds with the same bits get different hashes."""
    return mix(values + np.uint64((tag + 1) * int(_GOLDEN) % 2**64))


def _filled(values: pa.Array, by: Any = 0) -> npt.NDArray[Any]:
    filled: npt.NDArray[Any] = pc.fill_null(values, pa.scalar(by, values.type)).to_numpy(zero_copy_only=False)
    return filled


def _integers(values: pa.Array) -> Keys:
    numbers = _filled(values)
    wide = numbers.astype(np.int64) if numbers.dtype.kind == "i" else numbers
    return _tagged(wide.astype(np.uint64), 0)


def _floats(values: pa.Array) -> Keys:
    numbers = _filled(values, np.float16(0) if pa.types.is_float16(values.type) else 0.0).astype(np.float64)
    numbers = np.where(np.isnan(numbers), np.nan, numbers + 0.0)  # one NaN; -0.0 is 0.0
    return _tagged(numbers.view(np.uint64), 2)


def _times(values: pa.Array) -> Keys:
    """Timestamps and dates to the microsecond; times of the day and durations likewise."""
    kind = values.type
    if pa.types.is_date(kind):
        values, kind = values.cast(pa.timestamp("us")), pa.timestamp("us")
    raw = values.cast(pa.int32()).cast(pa.int64()) if pa.types.is_time32(kind) else values.cast(pa.int64())
    ticks, per_second = _filled(raw), _PER_SECOND[kind.unit]
    micros = ticks // 1000 if per_second == 10**9 else ticks * (10**6 // per_second)
    return _tagged(micros.astype(np.int64).view(np.uint64), 3)


def _texts(values: pa.Array) -> Keys:
    # Keys are mostly unique: to find the distinct ones would take longer than to hash them all.
    return _tagged(hash_bytes(values.cast(pa.large_binary()), 0), 4)


def _decimals(values: pa.Array) -> Keys:
    """Decimals as their shortest text, each distinct one once."""
    if values.null_count == len(values):
        return np.zeros(len(values), np.uint64)
    encoded = values.dictionary_encode()
    texts = pa.array([_decimal_text(value) for value in encoded.dictionary.to_pylist()], pa.large_binary())
    hashed: Keys = _tagged(hash_bytes(texts, 0), 5)[_filled(encoded.indices)]
    return hashed


def _decimal_text(value: Decimal) -> bytes:
    """``1.5`` for 1.50, ``100`` for 100 and ``0`` for 0.00: a decimal of whatever scale."""
    text = format(value, "f")
    return (
        (text.rstrip("0").rstrip(".") if "." in text else text).encode().replace(b"-0", b"0", text.strip("-0.") == "")
    )
