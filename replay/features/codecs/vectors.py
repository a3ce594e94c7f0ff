"""Spark ML's vector type as it lies in Parquet and Arrow: ``struct<type, size, indices, values>``."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.features.codecs.buffers import null_mask

_FIELDS: Final = ("type", "size", "indices", "values")
_SPARSE: Final = 0  # `type` is 0 for a sparse vector, whose `size` and `indices` count, and 1 for a dense one


def is_vector(kind: pa.DataType) -> bool:
    """Whether a type is how a Spark ML vector is stored."""
    if not pa.types.is_struct(kind) or tuple(field.name for field in kind) != _FIELDS:
        return False
    lists = (kind.field("indices").type, kind.field("values").type)
    return bool(
        pa.types.is_integer(kind.field("type").type)
        and all(pa.types.is_list(nested) for nested in lists)
        and pa.types.is_integer(lists[0].value_type)
        and pa.types.is_floating(lists[1].value_type)
    )


def vector_to_list(array: pa.StructArray) -> pa.ListArray:
    """Vectors as lists of their values, sparse ones filled in with zeros; a null vector is a null list."""
    kinds, sizes, indices, values = array.flatten()
    sparse = pc.fill_null(pc.equal(kinds, _SPARSE), False).to_numpy(zero_copy_only=False)
    if not sparse.any():
        return values
    null = null_mask(array)
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy().astype(np.int64)
    widths = np.where(sparse, pc.fill_null(sizes, 0).to_numpy(), lengths)
    if null is not None:
        widths[null] = lengths[null] = 0
    starts = np.concatenate(([0], np.cumsum(widths)))
    rows = np.repeat(np.arange(len(array)), lengths)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    in_sparse = sparse[rows]
    # Both lists are flattened row by row; `indices` holds those of the sparse rows only.
    within[in_sparse] = indices.flatten().to_numpy()
    flat = np.zeros(starts[-1], values.type.value_type.to_pandas_dtype())
    flat[starts[rows] + within] = values.flatten().to_numpy(zero_copy_only=False)
    return pa.LargeListArray.from_arrays(
        pa.array(starts), pa.array(flat), mask=None if null is None else pa.array(null)
    )
