"""Spark SQL's ``xxhash64`` of several columns, on Arrow arrays: the bits that Spark gives, without Spark.

Leans on: how Catalyst's ``XxHash64`` chains columns (the hash of one is the seed of the next, a null passes it on) and
what it takes each type for. A test holds every type against Spark itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.xxh64.values import Hashes, hash_bytes, hash_words

_SEED: Final = 42
_LONG_DIGITS: Final = 18  # a decimal of more digits is hashed as the bytes of its value
_UINT64_DIGITS: Final = 20


def hashes_as_spark(dtype: pa.DataType) -> bool:
    """Whether :func:`spark_xxhash64` takes a canonical type."""
    types = pa.types
    whole = types.is_integer(dtype) and dtype not in (pa.uint8(), pa.uint16(), pa.uint32())
    times = dtype == pa.date32() or (types.is_timestamp(dtype) and dtype.unit == "us")
    numbers = types.is_boolean(dtype) or dtype in (pa.float32(), pa.float64()) or types.is_decimal128(dtype)
    return bool(whole or times or numbers or dtype in (pa.string(), pa.binary()))


def spark_xxhash64(columns: Sequence[pa.Array]) -> npt.NDArray[np.int64]:
    """Hash rows as ``xxhash64(column, ...)`` does.

    Args:
        columns: (n,) each, at least one, of types that :func:`hashes_as_spark`.

    Returns:
        (n,). A row of nulls alone hashes to 42.

    >>> spark_xxhash64([pa.array([None, 1], pa.int64()), pa.array(["a", None])]).tolist()
    [-8582455328737087284, -7001672635703045582]
    """
    hashes = np.full(len(columns[0]), _SEED, np.uint64)
    for column in columns:
        hashed = _hashed(column, hashes)
        hashes = hashed if column.null_count == 0 else np.where(column.is_null().to_numpy(False), hashes, hashed)
    return hashes.view(np.int64)


def _hashed(values: pa.Array, seeds: Hashes) -> Hashes:
    """Hash one column, (n,); of a null anything."""
    dtype = values.type
    if pa.types.is_string(dtype) or pa.types.is_binary(dtype):
        return hash_bytes(values.cast(pa.binary()), seeds)
    if pa.types.is_decimal(dtype) or dtype == pa.uint64():
        return _decimals(values, seeds)
    if pa.types.is_floating(dtype):
        return hash_words(_float_bits(values), seeds)
    if pa.types.is_boolean(dtype):
        return hash_words(values.cast(pa.int8()).fill_null(0).to_numpy().astype(np.int32), seeds)
    wide = pa.types.is_timestamp(dtype) or dtype == pa.int64()
    plain = values.cast(pa.int64() if wide else pa.int32())
    return hash_words(plain.fill_null(0).to_numpy(), seeds)


def _float_bits(values: pa.Array) -> npt.NDArray[np.integer]:
    """One NaN, and one zero."""
    numbers = values.fill_null(0.0).to_numpy()
    plain = np.where(np.isnan(numbers), np.array(np.nan, numbers.dtype), numbers + numbers.dtype.type(0))
    return plain.view(np.int32 if values.type == pa.float32() else np.int64)


def _decimals(values: pa.Array, seeds: Hashes) -> Hashes:
    """Of up to 18 digits as a long, of more as the fewest bytes that hold the value, highest first."""
    if values.type == pa.uint64():
        digits, words = _UINT64_DIGITS, _words(values, 1)
        words = np.stack([words[:, 0], np.zeros_like(words[:, 0])], axis=1)
    else:
        digits, words = values.type.precision, _words(values, 2)
    if digits <= _LONG_DIGITS:
        return hash_words(np.ascontiguousarray(words[:, 0]).view(np.int64), seeds)
    return hash_bytes(_fewest_bytes(words), seeds)


def _words(values: pa.Array, width: int) -> Hashes:
    """Fixed-width values as 64-bit words, the lowest first, (n, width)."""
    buffer = values.buffers()[1]
    if not len(values) or buffer is None:
        return np.zeros((len(values), width), np.uint64)
    words = np.frombuffer(buffer, np.uint64, len(values) * width, values.offset * width * 8)
    return words.reshape(-1, width)


def _fewest_bytes(words: Hashes) -> pa.LargeBinaryArray:
    """128-bit numbers as Java's ``BigInteger.toByteArray`` gives them, (n,).

    Args:
        words: (n, 2), the lower one first.
    """
    whole = np.ascontiguousarray(words[:, ::-1].astype(">u8")).view(np.uint8).reshape(-1, 16)  # highest byte first
    sign = np.where(whole[:, :1] >= 128, np.uint8(255), np.uint8(0))
    # A leading byte may go where it only repeats the sign, which the next byte still has.
    spare = (whole[:, :-1] == sign) & ((whole[:, 1:] >= 128) == (sign == 255))
    dropped = np.logical_and.accumulate(spare, axis=1).sum(axis=1)
    kept = np.arange(16) >= dropped[:, None]
    offsets = np.concatenate(([0], np.cumsum(16 - dropped))).astype(np.int64)
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(words), [None, pa.py_buffer(offsets), pa.py_buffer(whole[kept])]
    )
