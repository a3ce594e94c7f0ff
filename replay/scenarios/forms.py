"""The form in which perturbations see values, and the way back to the logged type.

Arrow stores the same values in many ways. A perturbation meets few: a plain scalar array (text as ``large_string``,
bytes as ``large_binary``), or a ``large_list`` of those for every kind of list and for Spark ML vectors.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from replay.errors import RunFailed
from replay.features.codecs.buffers import null_mask, plain, plain_type
from replay.features.codecs.numeric import is_list, is_text
from replay.features.codecs.vectors import is_vector
from replay.features.lists import take_apart

_TEXTS = (pa.string(), pa.large_string(), pa.string_view())
_DENSE = 1  # the `type` of a Spark ML vector that has all its values


def working_type(logged: pa.DataType) -> pa.DataType:
    """The type of a feature's values as perturbations see them.

    >>> working_type(pa.dictionary(pa.int8(), pa.string())), working_type(pa.list_(pa.float32(), 64))
    (DataType(large_string), LargeListType(large_list<item: float>))
    """
    kind = plain_type(logged)
    if is_vector(kind):
        return pa.large_list(kind.field("values").type.value_type)
    if is_list(kind):
        return pa.large_list(working_type(kind.value_type))
    if not is_text(kind) or pa.types.is_fixed_size_binary(kind):
        return kind
    return pa.large_string() if kind in _TEXTS else pa.large_binary()


def list_size(logged: pa.DataType) -> int | None:
    """Elements of each list of a type that fixes them; else None."""
    kind = plain_type(logged)
    return int(kind.list_size) if pa.types.is_fixed_size_list(kind) else None


def to_working(array: pa.Array) -> pa.Array:
    """An array of a logged type in its working type."""
    kind = working_type(array.type)
    values = plain(array)
    if not pa.types.is_large_list(kind):
        return values if values.type == kind else values.cast(kind)
    lists = take_apart(values)
    return make_lists(to_working(lists.elements()), lists.lengths, lists.null)


def make_lists(
    elements: pa.Array, lengths: npt.NDArray[np.int64], null: npt.NDArray[np.bool_] | None
) -> pa.LargeListArray:
    """Lists of consecutive elements.

    Args:
        elements: (num_elements,), row by row.
        lengths: (num_rows,), 0 where the list is null.
        null: (num_rows,), or None where none is.
    """
    return pa.LargeListArray.from_arrays(_offsets(lengths), elements, mask=None if null is None else pa.array(null))


def take_rows(array: pa.Array, rows: npt.NDArray[np.int64]) -> pa.Array:
    """Some rows of an array of a logged type, in its working type."""
    if isinstance(array, pa.DictionaryArray):
        return to_working(array.take(pa.array(rows)))
    values = plain(array)
    if working_type(values.type) != values.type and (is_text(values.type) or is_list(values.type)):
        values = to_working(values)  # views cannot be taken from
    return to_working(values.take(pa.array(rows)))


def to_logged(array: pa.Array, logged: pa.DataType) -> pa.Array:
    """An array of the working type in the logged type.

    Raises:
        RunFailed: When it does not fit: too many distinct values for the index of a dictionary, or a list whose length
            is not the fixed one.
    """
    if array.type == logged:
        return array
    if isinstance(logged, pa.BaseExtensionType):
        return logged.wrap_array(to_logged(array, logged.storage_type))
    if pa.types.is_dictionary(logged):
        return _dictionary(array, logged)
    if pa.types.is_run_end_encoded(logged):
        return pc.run_end_encode(to_logged(array, logged.value_type), logged.run_end_type)
    if is_vector(logged):
        return _vectors(array, logged)
    return _lists(array, logged) if is_list(logged) else array.cast(logged)


def _offsets(lengths: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int64())


def _dictionary(array: pa.Array, logged: pa.DataType) -> pa.Array:
    if pa.types.is_large_list(array.type):  # Arrow encodes no lists: each row has an entry of its own
        indices, dictionary = pa.array(np.arange(len(array))), array
    else:
        encoded = array.dictionary_encode()
        indices, dictionary = encoded.indices, encoded.dictionary
    try:
        indices = indices.cast(logged.index_type)
    except pa.ArrowInvalid as error:
        raise RunFailed(
            f"a scenario gives a feature {len(dictionary)} distinct values in a batch, more than its type {logged} can "
            "hold: log it without a dictionary, or with a wider index"
        ) from error
    return pa.DictionaryArray.from_arrays(indices, to_logged(dictionary, logged.value_type), ordered=logged.ordered)


def _vectors(array: pa.Array, logged: pa.DataType) -> pa.Array:
    """Spark ML vectors, all dense; null where the list is."""
    null = null_mask(array)
    kinds = pa.array(np.full(len(array), _DENSE, np.int8)).cast(logged.field("type").type)
    values = pc.fill_null(array, pa.scalar([], array.type)) if null is not None else array
    fields = list(logged)
    children = [
        kinds,
        pa.nulls(len(array), fields[1].type),
        pa.nulls(len(array), fields[2].type),
        to_logged(values, fields[3].type),
    ]
    return pa.StructArray.from_arrays(children, fields=fields, mask=None if null is None else pa.array(null))


def _lists(array: pa.Array, logged: pa.DataType) -> pa.Array:
    lists = take_apart(array)
    elements = to_logged(lists.elements(), logged.value_type)
    mask = None if lists.null is None else pa.array(lists.null)
    if pa.types.is_fixed_size_list(logged):
        return _fixed_size_lists(elements, lists.lengths, lists.null, logged)
    offsets = _offsets(lists.lengths)
    if pa.types.is_large_list(logged):
        return pa.LargeListArray.from_arrays(offsets, elements, type=logged, mask=mask)
    if pa.types.is_large_list_view(logged):
        sizes = pa.array(lists.lengths)
        return pa.LargeListViewArray.from_arrays(offsets[:-1], sizes, elements, type=logged, mask=mask)
    offsets = offsets.cast(pa.int32())
    if pa.types.is_list(logged):
        return pa.ListArray.from_arrays(offsets, elements, type=logged, mask=mask)
    sizes = pa.array(lists.lengths.astype(np.int32))
    return pa.ListViewArray.from_arrays(offsets[:-1], sizes, elements, type=logged, mask=mask)


def _fixed_size_lists(
    elements: pa.Array, lengths: npt.NDArray[np.int64], null: npt.NDArray[np.bool_] | None, logged: pa.DataType
) -> pa.Array:
    width = logged.list_size
    wrong = lengths[(lengths != width) & (True if null is None else ~null)]
    if len(wrong):
        raise RunFailed(f"a scenario gives a feature of {logged} a list of {wrong[0]} elements, expected {width}")
    if null is not None:  # a null list has its places too
        places = np.zeros((len(lengths), width), np.int64)
        places[~null] = np.arange(len(elements)).reshape(-1, width)
        filler = np.repeat(null, width)
        elements = elements.take(pa.array(places.reshape(-1), mask=filler))
    mask = None if null is None else pa.array(null)
    return pa.FixedSizeListArray.from_arrays(elements, type=logged, mask=mask)
