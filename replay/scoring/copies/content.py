"""What a row holds as one number: rows that were logged twice have the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.features.codecs.buffers import null_mask, plain
from replay.hashing import mix
from replay.scenarios.hashing import element_keys, hash_column

Keys = NDArray[np.uint64]

_EMPTY = np.uint64(0x2545F4914F6CDD1D)
_NULL = np.uint64(0x9E6C63D0876A9A62)


def row_contents(columns: Sequence[pa.Array]) -> Keys:
    """Hash rows by all that their columns hold, lists, structs and maps too.

    Unlike in a key, every bit counts: -0.0 is not 0.0, and a nanosecond is one. All NaN are the same.

    Args:
        columns: (n,) each, at least one, in the order in which all rows are hashed.

    Returns:
        (n,) uint64. Two rows that differ share a hash with a probability of 2**-64.

    >>> rows = row_contents([pa.array([[1, 2], [1, 2], [2, 1]]), pa.array(["a", "a", "a"])])
    >>> bool(rows[0] == rows[1]), bool(rows[0] == rows[2])
    (True, False)
    """
    found = np.full(len(columns[0]), _EMPTY, np.uint64)
    for column in columns:
        found = mix(found + _contents(column))
    return found


def _contents(column: pa.Array) -> Keys:
    values = column.storage if isinstance(column, pa.ExtensionArray) else column
    types = pa.types
    if types.is_struct(values.type):
        return _structs(values)
    if types.is_map(values.type):
        return _lists(values, pa.StructArray.from_arrays([values.keys, values.items], ["key", "item"]))
    if types.is_list(values.type) or types.is_large_list(values.type):
        return _lists(values, values.values)
    if types.is_fixed_size_list(values.type):
        return _lists(values.cast(pa.list_(values.type.value_type)), None)
    return _scalars(plain(values))


def _scalars(values: pa.Array) -> Keys:
    kind = values.type
    if pa.types.is_floating(kind):
        numbers = np.asarray(pc.fill_null(values.cast(pa.float64()), 0.0))
        bits = np.where(np.isnan(numbers), np.nan, numbers).view(np.int64)
        null = null_mask(values)
        hashed = hash_column(pa.array(bits))
        return hashed if null is None else np.where(null, _NULL, hashed)
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return hash_column(values.cast(pa.int64()))
    return hash_column(values)


def _structs(values: pa.StructArray) -> Keys:
    found = np.full(len(values), _EMPTY, np.uint64)
    for child in values.flatten():
        found = mix(found + _contents(child))
    null = null_mask(values)
    return found if null is None else np.where(null, _NULL, found)


def _lists(lists: pa.Array, elements: pa.Array | None) -> Keys:
    """Sums of the elements' hashes, each mixed with its place, and of the length."""
    elements = lists.values if elements is None else elements
    offsets = np.asarray(lists.offsets).astype(np.int64)
    starts, lengths = offsets[:-1], np.diff(offsets)
    used = _contents(elements.slice(offsets[0], offsets[-1] - offsets[0]))
    places = np.arange(len(used)) - np.repeat(starts - offsets[0], lengths)
    ends = np.concatenate([np.zeros(1, np.uint64), np.cumsum(element_keys(used, places), dtype=np.uint64)])
    found = mix(ends[offsets[1:] - offsets[0]] - ends[starts - offsets[0]] + lengths.astype(np.uint64))
    null = null_mask(lists)
    return found if null is None else np.where(null, _NULL, found)
