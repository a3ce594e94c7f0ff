"""Types of another table beside those of the traffic: which keys can be compared, which values taken."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from replay.spark.types import DECIMAL_DIGITS, MAX_DIGITS, spark_type

_NAMES_OF_INTEGERS: Final = {pa.int8(): 8, pa.int16(): 16, pa.int32(): 32, pa.int64(): 64}


def key_type(ours: pa.DataType, theirs: pa.DataType) -> pa.DataType | None:
    """The type in which two columns of a key are compared; None where their values are of different kinds.

    Args:
        ours: A canonical type, as of the other table.
        theirs: Of that.

    >>> key_type(pa.int32(), pa.int64()), key_type(pa.string(), pa.int64())
    (DataType(int64), None)
    """
    ours, theirs = spark_type(ours) or ours, spark_type(theirs) or theirs
    if ours == theirs:
        return ours
    if pa.types.is_integer(ours) and pa.types.is_integer(theirs):
        return pa.int64()
    if pa.types.is_floating(ours) and pa.types.is_floating(theirs):
        return pa.float64()
    if _is_whole(ours) and _is_whole(theirs):
        return pa.decimal128(MAX_DIGITS, 0)
    return None


def value_problem(ours: pa.DataType, theirs: pa.DataType) -> str | None:
    """Why values of another table cannot stand for a feature's, or None.

    Numbers are rounded to the type of the traffic's column, as a cast does; integers are taken from what holds whole
    numbers alone, which :func:`needs_look` says has to be looked at.

    Args:
        ours: The canonical type of the feature.
        theirs: That of the other table's column.

    >>> value_problem(pa.float32(), pa.float64()), value_problem(pa.int64(), pa.string())
    (None, 'it is string, expected int64 as in the traffic')
    """
    return None if _fits(ours, theirs) else f"it is {theirs}, expected {ours} as in the traffic"


def needs_look(ours: pa.DataType, theirs: pa.DataType) -> bool:
    """Whether some values of the other type have no place in ours, so that all have to be looked at.

    >>> needs_look(pa.int64(), pa.int32()), needs_look(pa.int32(), pa.float64()), needs_look(pa.float32(), pa.float64())
    (False, True, False)
    """
    if pa.types.is_list(ours) and pa.types.is_list(theirs):
        return needs_look(ours.value_type, theirs.value_type)
    if ours not in DECIMAL_DIGITS or ours == theirs:
        return False
    return bool(theirs not in DECIMAL_DIGITS or _NAMES_OF_INTEGERS[theirs] > _NAMES_OF_INTEGERS[ours])


def integer_range(dtype: pa.DataType) -> tuple[int, int]:
    """The least and the largest value of an integer type, or of the elements of lists.

    >>> integer_range(pa.list_(pa.int8()))
    (-128, 127)
    """
    bits = _NAMES_OF_INTEGERS[dtype.value_type if pa.types.is_list(dtype) else dtype]
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def _fits(ours: pa.DataType, theirs: pa.DataType) -> bool:
    if ours == theirs:
        return True
    if pa.types.is_list(ours) and pa.types.is_list(theirs):
        return _fits(ours.value_type, theirs.value_type)
    if pa.types.is_floating(ours):
        return bool(pa.types.is_floating(theirs) or pa.types.is_integer(theirs) or pa.types.is_decimal(theirs))
    return bool(ours in DECIMAL_DIGITS and (theirs in DECIMAL_DIGITS or pa.types.is_floating(theirs)))


def _is_whole(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_integer(dtype) or (pa.types.is_decimal(dtype) and dtype.scale == 0))
