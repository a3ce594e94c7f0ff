"""Integers and decimals as Spark's hash functions see them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_LONG_DIGITS = 18  # a decimal of more digits is hashed as the bytes of its value


def spark_numbers(values: pa.Array) -> npt.NDArray[np.signedinteger] | pa.LargeBinaryArray:
    """Values as Spark hashes them: int32, int64, or bytes.

    Spark reads a signed type of up to 32 bits as an int (so do unsigned ones of up to 16), longer ones as a long,
    and ``uint64`` as a decimal of 20 digits.

    Args:
        values: ``large_binary``, integers, or decimals without a fraction, (num_values,), none null.
    """
    kind = values.type
    if pa.types.is_decimal(kind) or kind == pa.uint64():
        digits = kind.precision if pa.types.is_decimal(kind) else 20
        numbers = [int(value) for value in values.to_pylist()]
        if digits <= _LONG_DIGITS:
            return np.array(numbers, np.int64)
        return pa.array([_as_java_bytes(number) for number in numbers], pa.large_binary())
    if not pa.types.is_integer(kind):
        return values
    short = kind.bit_width <= 16 or kind == pa.int32()
    converted: npt.NDArray[np.signedinteger] = values.to_numpy().astype(np.int32 if short else np.int64)
    return converted


def _as_java_bytes(number: int) -> bytes:
    r"""The fewest big-endian bytes that hold a number with its sign, as Java's BigInteger.toByteArray gives them.

    >>> _as_java_bytes(127), _as_java_bytes(128), _as_java_bytes(-128)
    (b'\x7f', b'\x00\x80', b'\x80')
    """
    bits = (number if number >= 0 else ~number).bit_length()
    return number.to_bytes(bits // 8 + 1, "big", signed=True)
