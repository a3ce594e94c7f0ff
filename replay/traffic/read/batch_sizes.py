"""Batches as they are decoded, joined and cut into such as are worth scoring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import pyarrow as pa

BATCH_BYTES: Final = 64 << 20
"""A batch holds at most about so many bytes; a single larger row is a batch of its own."""
CHUNK_ROWS: Final = 2048
"""Rows that a model usually gets at once, or a multiple of them."""


def row_range(batches: Iterable[pa.RecordBatch], rows: tuple[int, int] | None) -> Iterator[pa.RecordBatch]:
    """The rows [start, stop) of a row group's batches; decoding ends with the last of them."""
    first = 0
    for batch in batches:
        last = first + batch.num_rows
        if rows is None:
            part = batch
        else:
            start, stop = max(rows[0], first), min(rows[1], last)
            part = batch.slice(start - first, max(0, stop - start))
        if part.num_rows:
            yield part
        if rows is not None and last >= rows[1]:
            return
        first = last


def joined(batches: Iterable[pa.RecordBatch], few_rows: int) -> Iterator[pa.RecordBatch]:
    """Join runs of small batches (of small files, or thinned by the window) into batches worth scoring."""
    small: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        if batch.num_rows:
            small.append(batch)
            rows += batch.num_rows
            size += batch.nbytes
        if rows > few_rows or size > BATCH_BYTES // 2:
            yield _concat(small)
            small, rows, size = [], 0, 0
    if small:
        yield _concat(small)


def _concat(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def sliced(batch: pa.RecordBatch, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Cut by rows, and by bytes where rows are large.

    All but the last have a number of rows that is made of whole chunks, as models are given them: each batch that ends
    within a chunk has the model score rows that are thrown away.
    """
    most = min(batch_rows, max(1, BATCH_BYTES * batch.num_rows // max(1, batch.nbytes)))
    step = most - most % CHUNK_ROWS if most > CHUNK_ROWS else most
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)
