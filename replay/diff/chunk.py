"""A chunk of the scores table as numpy columns: what the states of a diff are fed with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.diff.spec import DiffSpec
from replay.metrics.cluster import CLUSTERS, hash_groups
from replay.metrics.usable import Excluded, labelled_rows

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]

CHUNK_ROWS = 2**17
"""Rows handled at once: arrays of a megabyte stay in cache, and the fixed costs of a chunk are spread."""
_MOST_ROWS = CHUNK_ROWS + CHUNK_ROWS // 2


@dataclass(frozen=True, slots=True)
class Column:
    """Numbers with the mask of those that are not null; ``(num_rows,)`` each. A null's value is 0."""

    values: Array
    valid: Mask

    def take(self, rows: Codes) -> Column:
        """Some of the rows."""
        return Column(self.values[rows], self.valid[rows])


@dataclass(frozen=True, slots=True)
class SegmentColumn:
    """A segment's values, dictionary-encoded.

    Attributes:
        codes: ``(num_rows,)`` into ``values``.
        values: The distinct values as text, None for null.
    """

    codes: Codes
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows with a replayed score, decoded as far as all variants share it. Arrays are ``(num_rows,)``.

    Attributes:
        rows: Number of rows.
        table: The Arrow columns, for the variants' scores.
        online: What online answered.
        judged: Rows with a 0/1 label and a usable weight; all False where the diff has no label.
        label: 0 where not judged.
        weight: 0 where not judged; None where the diff has no weights.
        excluded: Rows that are not judged, counted by reason.
        cluster: Hashed cluster of the row's group; None where the diff has none.
        no_group: Rows whose group is null.
        time_us: Event time in microseconds; None where the diff has none.
        segments: One for each segment of the diff.
    """

    rows: int
    table: pa.Table
    online: Column
    judged: Mask
    label: Array
    weight: Array | None
    excluded: Excluded
    cluster: Codes | None
    no_group: int
    time_us: Column | None
    segments: tuple[SegmentColumn, ...]

    def scores(self, column: str) -> Column:
        """A variant's own column."""
        return read_numbers(self.table.column(column))

    def sparse_scores(self, column: str) -> tuple[Codes, Column]:
        """The rows where a variant's own column holds a score, and these scores."""
        array = _array(self.table.column(column))
        rows = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
        return rows, read_numbers(pa.chunked_array([array.drop_null()]))


class ChunkBuffer:
    """Gathers Arrow batches of any size into chunks of ``CHUNK_ROWS``; where it cuts depends on the rows alone."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Add a batch."""
        if batch.num_rows:
            self._batches.append(batch)
            self._rows += batch.num_rows

    @property
    def full(self) -> bool:
        """Whether there is a chunk's worth of rows, and not so few beside it that they had better be in it."""
        return self._rows >= _MOST_ROWS

    def take(self) -> Iterator[pa.Table]:
        """Take out chunks of ``CHUNK_ROWS`` rows, and leave at most half as many again."""
        whole = pa.Table.from_batches(self._batches)
        start = 0
        while whole.num_rows - start >= _MOST_ROWS:
            yield whole.slice(start, CHUNK_ROWS).combine_chunks()
            start += CHUNK_ROWS
        self._batches = whole.slice(start).to_batches()
        self._rows = whole.num_rows - start

    def drain(self) -> Iterator[pa.Table]:
        """Take out everything: a short last chunk would cost as much as a whole one in all that no row adds to."""
        if self.full:
            yield from self.take()
        if self._batches:
            yield pa.Table.from_batches(self._batches).combine_chunks()
        self._batches, self._rows = [], 0


def split_rejected(table: pa.Table, spec: DiffSpec) -> tuple[pa.Table, dict[str, int]]:
    """Take out the rows that were rejected.

    Returns:
        The rows that were scored, and the number of the others by reason.
    """
    if spec.rejected is None or table.column(spec.rejected).null_count == table.num_rows:
        return table, {}
    reasons = table.column(spec.rejected)
    counts = {
        str(entry["values"]): int(entry["counts"])
        for entry in pc.value_counts(reasons).to_pylist()
        if entry["values"] is not None
    }
    return table.filter(pc.is_null(reasons)).combine_chunks(), counts


def decode(table: pa.Table, spec: DiffSpec) -> Chunk:
    """Decode what all variants share."""
    label, weight, judged, excluded = _read_labels(table, spec)
    group = None if spec.group is None else hash_groups(_array(table.column(spec.group)))
    return Chunk(
        rows=table.num_rows,
        table=table,
        online=read_numbers(table.column(spec.online)),
        judged=judged,
        label=label,
        weight=weight,
        excluded=excluded,
        cluster=None if group is None else (group & np.uint64(CLUSTERS - 1)).astype(np.int64),
        no_group=0 if spec.group is None else table.column(spec.group).null_count,
        time_us=None if spec.time is None else _read_time(table.column(spec.time)),
        segments=tuple(_read_segment(table.column(name)) for name in spec.segments),
    )


def read_numbers(column: pa.ChunkedArray) -> Column:
    """Any numeric or boolean column as float64; NaN stays a value, null becomes an unset bit of ``valid``."""
    array = _array(column)
    if array.type != pa.float64():
        array = array.cast(pa.float64(), safe=False)
    if array.null_count == 0:
        return Column(array.to_numpy(zero_copy_only=False), np.ones(len(array), dtype=bool))
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    return Column(array.fill_null(0.0).to_numpy(zero_copy_only=False), valid)


def _array(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def _read_labels(table: pa.Table, spec: DiffSpec) -> tuple[Array, Array | None, Mask, Excluded]:
    rows = table.num_rows
    if spec.label is None:
        return np.zeros(rows), None, np.zeros(rows, dtype=bool), Excluded()
    label = _with_nan(read_numbers(table.column(spec.label)))
    weight = None if spec.weight is None else _with_nan(read_numbers(table.column(spec.weight)))
    found = labelled_rows(label, weight)
    if not found.mask.all():
        label = np.where(found.mask, label, 0.0)
        weight = None if weight is None else np.where(found.mask, weight, 0.0)
    return label, weight, found.mask, found.excluded


def _with_nan(column: Column) -> Array:
    return column.values if column.valid.all() else np.where(column.valid, column.values, np.nan)


def _read_time(column: pa.ChunkedArray) -> Column:
    array = _array(column)
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("us", tz=array.type.tz), safe=False)
    whole = array.cast(pa.int64())
    valid = whole.is_valid().to_numpy(zero_copy_only=False)
    # Microseconds are whole numbers: they stay integers under the Column's name.
    return Column(whole.fill_null(0).to_numpy(zero_copy_only=False), valid)


def _read_segment(column: pa.ChunkedArray) -> SegmentColumn:
    array = _array(column)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not pa.types.is_string(array.type):
        array = array.cast(pa.string())
    encoded = array.dictionary_encode(null_encoding="encode")
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return SegmentColumn(codes, tuple(encoded.dictionary.to_pylist()))
