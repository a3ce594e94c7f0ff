"""What is kept of a feature's values beside their cells: quantiles, the commonest value, lengths, norms.

Counts alone, in bounded memory: whatever the parts and their order, the same comes out, bit for bit.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.audit.columns.binned import BinCounts, binned, bins_of, quantiles
from replay.audit.columns.cells import (
    NAN_CELL,
    NULL_CELL,
    Codes,
    NameCells,
    NumberCells,
    ValueCells,
    as_texts,
    lengths_of,
)
from replay.audit.compare import as_floats, is_number, nulls
from replay.features.codecs.buffers import plain
from replay.features.codecs.numeric import is_list, is_text
from replay.features.codecs.vectors import is_vector
from replay.features.lists import Ragged, take_apart
from replay.metrics.cluster import hash_groups
from replay.metrics.histogram import Histogram

MOST_NAMES: Final = 65_536
"""Different names that are counted one by one; of more, cells of hashes are."""
QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_NUMBER: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_COMMONEST: Final = (10, 100)
_ELEMENTS: Final = 1 << 20
"""Elements of lists that are squared at once."""

Stat = tuple[str, float]
"""A statistic's name and value."""


class ValueState(ABC):
    """What is kept of a feature's values. Mergeable, picklable."""

    @abstractmethod
    def add(self, column: pa.Array) -> Codes:
        """Add rows; the cell of each, ``(num_rows,)``."""

    @abstractmethod
    def merge(self, other: Any) -> None:
        """Add another state of the same cells; ``other`` stays as it is."""

    @abstractmethod
    def statistics(self) -> Iterator[Stat]:
        """Names and values of what is known; nothing where there is no value."""


def state_of(cells: ValueCells) -> ValueState:
    """An empty state of a feature that has these cells."""
    if isinstance(cells, NameCells):
        return NameState(cells)
    return ListState(cells) if cells.lengths else NumberState(cells)


class NumberState(ValueState):
    """Of numbers: a histogram of bins 0.8% wide.

    Args:
        cells: Of the feature.
    """

    def __init__(self, cells: NumberCells) -> None:
        self._cells = cells
        self._by_bin: Codes | None = None
        self.counts = BinCounts()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_by_bin": None}

    def add(self, column: pa.Array) -> Codes:
        """See :meth:`ValueState.add`."""
        values = plain(column)
        if is_text(values.type):
            values = _parsed(values)
        elif not is_number(values.type):
            return _of_another_kind(values)
        bins = binned(values)
        self.counts.add(bins)
        if self._by_bin is None:
            self._by_bin = self._cells.by_bin(values.type)
        return self._cells.codes_of(values, bins, self._by_bin)

    def merge(self, other: NumberState) -> None:
        """See :meth:`ValueState.merge`."""
        self.counts.merge(other.counts)

    def statistics(self) -> Iterator[Stat]:
        """See :meth:`ValueState.statistics`."""
        values, counts = self.counts.filled()
        yield from named_quantiles(values, counts, "")
        if counts.size:
            rows, place = int(counts.sum()), int(counts.argmax())
            yield "mode", float(values[place])
            yield "mode_share", float(counts[place] / rows)
            yield "zero_share", float(counts[values == 0].sum() / rows)


class NameState(ValueState):
    """Of names: how many rows each has, by its hash.

    Args:
        cells: Of the feature.
    """

    def __init__(self, cells: NameCells) -> None:
        self._cells = cells
        self.hashes = Histogram(1, max_bins=MOST_NAMES)

    def add(self, column: pa.Array) -> Codes:
        """See :meth:`ValueState.add`."""
        try:
            encoded = column if isinstance(column, pa.DictionaryArray) else plain(column).dictionary_encode()
        except pa.ArrowNotImplementedError:
            return _of_another_kind(plain(column))
        values, places = plain(encoded.dictionary), encoded.indices
        if not len(values):
            return np.full(len(column), NULL_CELL, dtype=np.uint8)
        try:
            texts = as_texts(values)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return _of_another_kind(plain(column))
        by_place = np.append(self._cells.codes(texts), np.uint8(NULL_CELL))
        rows = places.fill_null(len(values)) if places.null_count else places
        rows = rows.to_numpy(zero_copy_only=False)
        counts = np.bincount(rows, minlength=by_place.size)[:-1].astype(np.float64)
        held = counts > 0 if not texts.null_count else (counts > 0) & texts.is_valid().to_numpy(zero_copy_only=False)
        self.hashes.add_counts(hash_groups(texts)[held], counts[held, None])
        found: Codes = by_place[rows]
        return found

    def merge(self, other: NameState) -> None:
        """See :meth:`ValueState.merge`."""
        self.hashes.merge(other.hashes)

    def statistics(self) -> Iterator[Stat]:
        """See :meth:`ValueState.statistics`."""
        counts = np.sort(self.hashes.counts(0))[::-1]
        if counts.size:
            rows = counts.sum()
            yield "distinct", _distinct(counts.size, self.hashes.shift)
            yield "mode_share", float(counts[0] / rows)
            for most in _COMMONEST:
                yield f"top_{most}_share", float(counts[:most].sum() / rows)


class ListState(ValueState):
    """Of lists: their lengths; of lists of floats also their norms.

    Args:
        cells: Of the lengths.
    """

    def __init__(self, cells: NumberCells) -> None:
        self.lengths = NumberState(cells)
        self.norms = BinCounts()

    def add(self, column: pa.Array) -> Codes:
        """See :meth:`ValueState.add`."""
        lists = plain(column)
        if not (is_list(lists.type) or is_vector(lists.type)):
            return _of_another_kind(lists)
        apart = take_apart(lists)
        if pa.types.is_floating(apart.values.type):
            self.norms.add(bins_of(_norms(apart)))
        return self.lengths.add(lengths_of(lists))

    def merge(self, other: ListState) -> None:
        """See :meth:`ValueState.merge`."""
        self.lengths.merge(other.lengths)
        self.norms.merge(other.norms)

    def statistics(self) -> Iterator[Stat]:
        """See :meth:`ValueState.statistics`."""
        for prefix, state, of_zero in (("length_", self.lengths.counts, "empty"), ("norm_", self.norms, "zero")):
            values, counts = state.filled()
            if counts.size:
                yield f"{of_zero}_share", float(counts[values == 0].sum() / counts.sum())
            yield from named_quantiles(values, counts, prefix)


def named_quantiles(values: NDArray[np.float64], counts: NDArray[np.int64], prefix: str) -> Iterator[Stat]:
    """``QUANTILES`` under their names, such as ``age_p50``: see :func:`replay.audit.columns.binned.quantiles`."""
    for share, found in zip(QUANTILES, quantiles(values, counts, QUANTILES), strict=False):
        yield f"{prefix}p{round(share * 100):02d}", found


def _of_another_kind(values: pa.Array) -> Codes:
    """The cells of values that are nothing like the reference's, a list for a number: all in that of NaN."""
    return np.where(nulls(values), NULL_CELL, NAN_CELL).astype(np.uint8)


def _parsed(texts: pa.Array) -> pa.Array:
    """Numbers that are written as text, ``(num_rows,)``; NaN where a text is none."""
    texts = pc.utf8_trim_whitespace(as_texts(texts))
    written = pc.if_else(pc.match_substring_regex(texts, _NUMBER), texts, pa.scalar(None, texts.type))
    numbers = written.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return pa.array(numbers, mask=nulls(texts))


def _distinct(cells: int, shift: int) -> float:
    """How many different hashes fill so many cells; NaN where these are too full to tell.

    Linear counting (Whang, Vander-Zanden and Taylor 1990).
    """
    if shift == 0:
        return float(cells)
    empty = 1.0 - cells / 2.0 ** (64 - shift)
    return -(2.0 ** (64 - shift)) * math.log(empty) if empty > 1e-3 else math.nan


def _norms(lists: Ragged) -> NDArray[np.float64]:
    """The Euclidean norm of each list that has elements, ``(num_filled,)``; NaN where an element is none."""
    lengths = lists.lengths[lists.lengths > 0]
    elements = lists.elements()
    ends = np.cumsum(lengths)
    norms = np.empty(lengths.size)
    first = 0
    while first < lengths.size:
        begin = int(ends[first] - lengths[first])
        last = max(int(np.searchsorted(ends, begin + _ELEMENTS, side="right")), first + 1)
        squares = as_floats(elements.slice(begin, int(ends[last - 1]) - begin)) ** 2
        starts = ends[first:last] - lengths[first:last] - begin
        norms[first:last] = np.sqrt(np.add.reduceat(squares, starts))
        first = last
    return norms
