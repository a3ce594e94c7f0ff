"""A feature's values cut into few cells, by edges or names that a sample of the reference gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.audit.columns.binned import UNSURE, Bins, binned, codes_by_bin
from replay.audit.columns.common_names import common_names
from replay.audit.compare import as_floats, is_number, is_plain_text, nulls
from replay.features.codecs.buffers import plain
from replay.features.codecs.numeric import is_list, is_text
from replay.features.codecs.vectors import is_vector
from replay.features.lists import take_apart
from replay.metrics.cluster import hash_groups

Codes = NDArray[np.uint8]

NULL_CELL: Final = 0
NAN_CELL: Final = 1
FIRST_CELL: Final = 2
_NUMBER_CELLS: Final = 30
_NAMES: Final = 22
_TAIL_CELLS: Final = 8
NUM_CELLS: Final = FIRST_CELL + _NUMBER_CELLS
"""Cells of a feature: null, NaN, and 30 for its values."""


@dataclass(frozen=True)
class NumberCells:
    """Numbers, or the lengths of lists, between edges.

    Attributes:
        edges: ``(num_edges,)`` ascending; the cells are ``(-inf, e0], (e0, e1], ... (en, inf)``.
        lengths: Whether lists are counted by their length.
    """

    edges: NDArray[np.float64]
    lengths: bool = False

    def codes(self, column: pa.Array) -> Codes:
        """The cell of each value, ``(num_rows,)``."""
        values = lengths_of(column) if self.lengths else plain(column)
        return self.codes_of(values, binned(values), self.by_bin(values.type))

    def by_bin(self, kind: pa.DataType) -> Codes:
        """The cell of each bin of numbers of a plain type, see :func:`codes_by_bin`."""
        whole = pa.types.is_integer(kind) or pa.types.is_boolean(kind)
        return codes_by_bin(tuple(self.edges.tolist()), FIRST_CELL, NAN_CELL, whole=whole)

    def codes_of(self, values: pa.Array, bins: Bins, by_bin: Codes) -> Codes:
        """The cells of numbers of a plain type of which the bins are known, ``(num_rows,)``."""
        found: Codes = by_bin[bins]
        unsure = np.flatnonzero(found == UNSURE)
        if unsure.size:
            exact = as_floats(values if unsure.size == found.size else values.take(pa.array(unsure)))
            places = np.searchsorted(self.edges, exact, side="left") + FIRST_CELL
            places[np.isnan(exact)] = NAN_CELL
            found[unsure] = places
        if values.null_count:
            found[nulls(values)] = NULL_CELL
        return found


@dataclass(frozen=True)
class NameCells:
    """The commonest names each by itself, all others by hash.

    Attributes:
        names: At most 22.
    """

    names: pa.Array

    def codes(self, column: pa.Array) -> Codes:
        """The cell of each value, ``(num_rows,)``."""
        column = plain(column)
        texts = as_texts(column)
        places = pc.index_in(texts, value_set=self.names).fill_null(-1)
        found = places.to_numpy(zero_copy_only=False).astype(np.int64)
        rest = np.flatnonzero(found < 0)
        tail = hash_groups(texts.take(pa.array(rest))) % np.uint64(_TAIL_CELLS)
        found[rest] = len(self.names) + tail.astype(np.int64)
        codes: Codes = (found + FIRST_CELL).astype(np.uint8)
        if column.null_count:
            codes[nulls(column)] = NULL_CELL
        return codes


ValueCells = NumberCells | NameCells


def as_texts(column: pa.Array) -> pa.Array:
    """Values of a plain type as text; of bytes, those that are no text are written as escapes.

    Raises:
        ArrowInvalid, ArrowNotImplementedError: The type has no text.
    """
    if is_text(column.type) and not is_plain_text(column.type):
        values = [None if value is None else value.decode("utf-8", "backslashreplace") for value in column.to_pylist()]
        return pa.array(values, pa.large_string())
    return column.cast(pa.large_string())


def lengths_of(lists: pa.Array) -> pa.Array:
    """Lengths of lists, ``(num_rows,)`` int64, null where the list is."""
    apart = take_apart(lists)
    return pa.array(apart.lengths, pa.int64(), mask=apart.null)


def cells_of(sample: pa.Array, *, categorical: bool = False) -> ValueCells | None:
    """Cut a feature's values into cells; None for a type that is neither a number, a name nor a list.

    Few different numbers have a cell each; more are cut at quantiles.

    Args:
        sample: Values of the reference, ``(num_rows,)``.
        categorical: Whether numbers are the names of things.
    """
    sample = plain(sample)
    if is_list(sample.type) or is_vector(sample.type):
        return NumberCells(_edges(take_apart(sample).lengths[~nulls(sample)].astype(np.float64)), lengths=True)
    if is_number(sample.type) and not (categorical and pa.types.is_integer(sample.type)):
        values = as_floats(sample)
        return NumberCells(_edges(values[~np.isnan(values)]))
    try:
        texts = as_texts(sample).drop_null()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    counts = {each["values"]: each["counts"] for each in texts.value_counts().to_pylist()}
    return NameCells(pa.array(common_names(counts, _NAMES), pa.large_string()))


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    distinct = np.unique(values)
    if distinct.size <= _NUMBER_CELLS - 2:
        return distinct
    shares = np.arange(1, _NUMBER_CELLS - 1) / (_NUMBER_CELLS - 1)
    return np.unique(np.quantile(values, shares, method="inverted_cdf"))
