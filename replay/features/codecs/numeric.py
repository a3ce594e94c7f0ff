"""Numbers, bools and decimals as they are: cast without loss, or refused value by value."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.features.codecs.base import NUMPY_TYPES, Codec
from replay.features.codecs.buffers import fixed_width_values, null_mask, plain, plain_type
from replay.features.codecs.casts import Unfit, make_cast
from replay.features.codecs.decimals import decimal_to_floats, decimal_to_integers
from replay.features.dtypes import Array, TensorDtype
from replay.features.problems import EncodeError
from replay.features.rejects import NULL, Reasons, reasons_of


class NumericCodec:
    """Encodes integers, floats and bools of every width.

    Args:
        logged: The column's type; its plain type is one of ``NUMPY_TYPES``.
        target: The tensor dtype.
        fill: What a null becomes, in the target's storage, or None.
        offset: Added to each value, for an integer target.

    Attributes:
        cast: From the logged numpy dtype to the target's storage.
    """

    def __init__(self, logged: pa.DataType, target: TensorDtype, fill: np.generic | None, offset: int = 0) -> None:
        self.target = target
        self.fill = fill
        self.source = NUMPY_TYPES[plain_type(logged)]
        self.cast = make_cast(self.source, target, offset)

    def encode(self, array: pa.Array, out: Array) -> Reasons | None:
        """See :meth:`replay.features.codecs.base.Codec.encode`."""
        if len(array) == 0:
            return None
        array = plain(array)
        values, unfit = self.cast(fixed_width_values(array, self.source))
        out[:] = values
        return fill_nulls(array, out, self.fill, unfit)


class DecimalCodec:
    """Encodes decimals: integral ones to an integer dtype, all to a float dtype by way of the nearest float64.

    Args:
        target: The tensor dtype.
        fill: What a null becomes, in the target's storage, or None.
        offset: Added to each value, for an integer target.
    """

    def __init__(self, target: TensorDtype, fill: np.generic | None, offset: int = 0) -> None:
        self.target = target
        self.fill = fill
        self.to_float = target.kind == "f"
        self.cast = make_cast(np.dtype(np.float64 if self.to_float else np.int64), target, offset)

    def encode(self, array: pa.Array, out: Array) -> Reasons | None:
        """See :meth:`replay.features.codecs.base.Codec.encode`."""
        if len(array) == 0:
            return None
        array = plain(array)
        if self.to_float:
            values = decimal_to_floats(array)
            unfit: Unfit = np.isinf(values)
        else:
            values, unfit = decimal_to_integers(array)
        cast, misfit = self.cast(values)
        out[:] = cast
        if misfit is not None:
            unfit = misfit if unfit is None else unfit | misfit
        return fill_nulls(array, out, self.fill, unfit if unfit is not None and unfit.any() else None)


class NullCodec:
    """Encodes a column of Arrow's null type, which holds nothing else.

    Args:
        target: The tensor dtype.
        fill: What a null becomes, in the target's storage, or None.
    """

    def __init__(self, target: TensorDtype, fill: np.generic | None) -> None:
        self.target = target
        self.fill = fill

    def encode(self, array: pa.Array, out: Array) -> Reasons | None:
        """See :meth:`replay.features.codecs.base.Codec.encode`."""
        out[:] = 0 if self.fill is None else self.fill
        return np.full(len(array), NULL, np.int8) if self.fill is None and len(array) else None


def fill_nulls(array: pa.Array, out: Array, fill: np.generic | None, unfit: Unfit) -> Reasons | None:
    """Write what a null becomes where the array is null, and say what is refused.

    Args:
        array: The column, (num_values,).
        out: Its values, (num_values,).
        fill: What a null becomes, or None.
        unfit: Where a value is not representable; what it says of a null does not count.
    """
    null = null_mask(array)
    if null is None:
        return reasons_of(None, unfit)
    if fill is None:
        return reasons_of(null, unfit)
    out[null] = fill
    return reasons_of(None, None if unfit is None else unfit & ~null)


def numeric_codec(logged: pa.DataType, target: TensorDtype, fill: np.generic | None, offset: int = 0) -> Codec:
    """Choose the codec of a column that is taken as it is.

    Args:
        logged: The column's type.
        target: The tensor dtype.
        fill: What a null becomes, in the target's storage, or None.
        offset: Added to each value, for an integer target.

    Raises:
        EncodeError: When the type is no number; the message says what to do about it.
    """
    kind = plain_type(logged)
    if kind in NUMPY_TYPES:
        return NumericCodec(logged, target, fill, offset)
    if pa.types.is_decimal(kind):
        return DecimalCodec(target, fill, offset)
    if pa.types.is_null(kind):
        return NullCodec(target, fill)
    raise EncodeError(
        f"found a column of {logged}, expected a number for {target.name}: {_advice(kind, target)}", refused=True
    )


def _advice(kind: pa.DataType, target: TensorDtype) -> str:
    if pa.types.is_string(kind):
        number = "double" if target.name.startswith(("float", "bfloat")) else "bigint"
        return (
            "give the input a `vocabulary` or a `hash`; or, if the texts are numbers, a column of `traffic.columns`, "
            f"`cast(NAME as {number})`"
        )
    if is_text(kind):
        return "give the input a `vocabulary` or a `hash`"
    if pa.types.is_temporal(kind):
        return "its unit and zone depend on the file, so log it as a number (seconds since 1970, hour of the day, ...)"
    if pa.types.is_struct(kind) or pa.types.is_map(kind):
        return "name one of its fields, as in column.field"
    if is_list(kind):
        return "a list is a `feature` of its own, with `length` or `pad`, and cannot be stacked or nested"
    return "log it as a number"


def is_text(kind: pa.DataType) -> bool:
    """Whether a type holds strings or bytes."""
    return kind in _TEXT or pa.types.is_fixed_size_binary(kind)


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is one of Arrow's five lists."""
    return any(test(kind) for test in _LISTS)


_TEXT = {pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()}

_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
