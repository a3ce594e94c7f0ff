"""Random logged columns: every Arrow type, nulls, edge values, arrays that start in the middle of their buffers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

INTEGER_TYPES = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FLOAT_TYPES = [pa.float16(), pa.float32(), pa.float64()]
DECIMAL_TYPES = [
    pa.decimal32(9, 2),
    pa.decimal64(18, 0),
    pa.decimal128(5, -3),
    pa.decimal128(20, 0),
    pa.decimal128(38, 10),
    pa.decimal128(38, 30),
    pa.decimal256(76, 20),
]
NUMBER_TYPES = [*INTEGER_TYPES, *FLOAT_TYPES, *DECIMAL_TYPES, pa.bool_(), pa.null()]
TEXT_TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()]
DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]

LIST_TYPES: list[Callable[[pa.DataType], pa.DataType]] = [pa.list_, pa.large_list, pa.list_view, pa.large_list_view]

_EDGES = sorted({sign * (2**power + step) for power in range(65) for step in (-1, 0, 1) for sign in (-1, 1)})


def values_of(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Values of an Arrow type, none of them null."""
    if pa.types.is_integer(kind):
        info = np.iinfo(kind.to_pandas_dtype())
        edges = [edge for edge in _EDGES if info.min <= edge <= info.max]
        return st.integers(int(info.min), int(info.max)) | st.sampled_from(edges) | st.integers(0, 3)
    if pa.types.is_floating(kind):
        width = kind.bit_width
        whole = st.integers(-300, 300).map(float)
        return st.floats(width=width) | whole | st.sampled_from([0.0, 1.0, -0.0, float("nan"), float("inf")])
    if pa.types.is_decimal(kind):
        digits, scale = kind.precision, kind.scale
        unscaled = st.integers(-(10**digits) + 1, 10**digits - 1) | st.integers(-300, 300)
        whole = st.integers(-300, 300).map(lambda value: value * 10 ** max(scale, 0))
        fits = (unscaled | whole).filter(lambda value: abs(value) < 10**digits)
        return fits.map(lambda value: Decimal((int(value < 0), tuple(map(int, str(abs(value)))), -scale)))
    if pa.types.is_boolean(kind):
        return st.booleans()
    if pa.types.is_null(kind):
        return st.none()
    texts = st.sampled_from(["a", "b", "é", "", "7", "none", "x" * 40])
    return texts if "string" in str(kind) else texts.map(str.encode)


def to_arrow(values: list[Any], kind: pa.DataType) -> pa.Array:
    """An array of a type; float16 wants numpy's."""
    if kind == pa.float16():
        return pa.array([None if value is None else np.float16(value) for value in values], kind)
    return pa.array(values, kind)


@st.composite
def column(draw: st.DrawFn, values: st.SearchStrategy[Any], kind: pa.DataType, num_rows: int, nulls: bool) -> pa.Array:
    """A column that starts somewhere in its buffers, and may be dictionary or run-end encoded."""
    before, after = draw(st.integers(0, 9)), draw(st.integers(0, 3))
    each = st.none() | values if nulls else values
    size = before + num_rows + after
    array = to_arrow(draw(st.lists(each, min_size=size, max_size=size)), kind)
    simple = not (
        pa.types.is_nested(kind) or pa.types.is_null(kind) or pa.types.is_decimal(kind) or "view" in str(kind)
    )
    if simple and kind != pa.float16() and draw(st.integers(0, 3)) == 0:
        array = array.dictionary_encode()
    return array.slice(before, num_rows)


@st.composite
def number_column(draw: st.DrawFn, num_rows: int, kinds: list[pa.DataType] = NUMBER_TYPES) -> pa.Array:
    kind = draw(st.sampled_from(kinds))
    return draw(column(values_of(kind), kind, num_rows, draw(st.booleans())))


@st.composite
def list_column(draw: st.DrawFn, num_rows: int, kinds: list[pa.DataType]) -> pa.Array:
    """A list column of any of Arrow's lists; those of a fixed size have 3 elements."""
    kind = draw(st.sampled_from(kinds))
    element = st.none() | values_of(kind) if draw(st.booleans()) else values_of(kind)
    if draw(st.integers(0, 4)) == 0:
        rows = st.lists(element, min_size=3, max_size=3)
        return draw(list_array(rows, kind, pa.list_(kind, 3), num_rows))
    sizes = draw(st.sampled_from([(0, 5), (3, 3)]))
    rows = st.lists(element, min_size=sizes[0], max_size=sizes[1])
    return draw(list_array(rows, kind, draw(st.sampled_from(LIST_TYPES))(kind), num_rows))


@st.composite
def list_array(
    draw: st.DrawFn, rows: st.SearchStrategy[Any], kind: pa.DataType, logged: pa.DataType, num_rows: int
) -> pa.Array:
    before, after, nulls = draw(st.integers(0, 5)), draw(st.integers(0, 3)), draw(st.booleans())
    size = before + num_rows + after
    values = draw(st.lists(st.none() | rows if nulls else rows, min_size=size, max_size=size))
    if kind == pa.float16():
        values = [row and [None if value is None else np.float16(value) for value in row] for row in values]
    return pa.array(values, logged).slice(before, num_rows)
