"""Arrow arrays as numpy values and masks, without a copy and with slices read where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.features.dtypes import Array


def null_mask(array: pa.Array) -> npt.NDArray[np.bool_] | None:
    """Where an array is null.

    Args:
        array: Of any type that has a validity bitmap (not null, union or run-end encoded).

    Returns:
        (num_values,), True where null, or None where nothing is.
    """
    if array.null_count == 0:
        return None
    start, size = array.offset, len(array)
    byte, bit = divmod(start, 8)
    valid = np.frombuffer(array.buffers()[0], np.uint8, -(-(bit + size) // 8), byte)
    return np.unpackbits(np.invert(valid), count=bit + size, bitorder="little")[bit:].view(bool)


def fixed_width_values(array: pa.Array, dtype: np.dtype[Any]) -> Array:
    """The values of an integer, float or bool array; anything at all where it is null.

    Args:
        array: At least one value.
        dtype: numpy's name for the array's type.

    Returns:
        (num_values,), read only: the Arrow buffer itself, but for bools, which Arrow packs.
    """
    start, size = array.offset, len(array)
    data = array.buffers()[1]
    if dtype.kind == "b":
        return np.unpackbits(np.frombuffer(data, np.uint8), count=start + size, bitorder="little")[start:].view(bool)
    return np.frombuffer(data, dtype, size, start * dtype.itemsize)


def plain_type(logged: pa.DataType) -> pa.DataType:
    """The type of the values that a dictionary, run-end or extension type stands for.

    >>> plain_type(pa.dictionary(pa.int8(), pa.string()))
    DataType(string)
    """
    if isinstance(logged, pa.BaseExtensionType):
        return plain_type(logged.storage_type)
    if pa.types.is_dictionary(logged) or pa.types.is_run_end_encoded(logged):
        return plain_type(logged.value_type)
    return logged


def plain(array: pa.Array) -> pa.Array:
    """The same values as an array of their plain type; the array itself where it is that already."""
    if isinstance(array, pa.ExtensionArray):
        return plain(array.storage)
    if isinstance(array, pa.DictionaryArray):
        return take(plain(array.dictionary), array.indices)
    if isinstance(array, pa.RunEndEncodedArray):
        return plain(pc.run_end_decode(array))
    return array


def as_logged(array: pa.Array, logged: pa.DataType) -> pa.Array:
    """A column in its logged type; it may have been read as a dictionary of that."""
    return array if array.type == logged else plain(array)


def take(array: pa.Array, places: pa.Array) -> pa.Array:
    """The values at some places, null where the place is; views become the types that they are views of."""
    owned = _OWNED.get(array.type)
    return (array if owned is None else array.cast(owned)).take(places)


_OWNED = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}  # Arrow takes nothing from a view
