"""Batches joined and cut: every row once, in order, in batches of the sizes that are asked for."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pytest

from replay.traffic.read import batch_sizes
from replay.traffic.read.batch_sizes import joined, row_range, sliced


def batches(*sizes: int) -> list[pa.RecordBatch]:
    """Batches of so many rows, numbered on."""
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    return [
        pa.RecordBatch.from_pydict({"x": range(start, start + size)}, pa.schema([("x", pa.int64())]))
        for start, size in zip(starts, sizes, strict=True)
    ]


def rows(found: Iterable[pa.RecordBatch]) -> list[list[int]]:
    return [batch.column("x").to_pylist() for batch in found]


def test_small_batches_are_joined_until_they_are_worth_scoring():
    found = rows(joined(batches(3, 0, 2, 4, 9, 1), few_rows=4))
    assert found == [[0, 1, 2, 3, 4], [*range(5, 18)], [18]]


def test_they_are_joined_by_bytes_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batch_sizes, "BATCH_BYTES", 64)  # of four rows and more there are over half as many
    assert rows(joined(batches(2, 3, 1, 5), few_rows=100)) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9, 10]]


def test_a_batch_is_cut_by_rows_and_by_bytes(monkeypatch: pytest.MonkeyPatch):
    (batch,) = batches(7)
    assert rows(sliced(batch, 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    monkeypatch.setattr(batch_sizes, "BATCH_BYTES", 16)
    assert rows(sliced(batch, 3)) == [[0, 1], [2, 3], [4, 5], [6]]
    monkeypatch.setattr(batch_sizes, "BATCH_BYTES", 1)
    assert rows(sliced(batch, 3)) == [[row] for row in range(7)]


def test_parts_are_whole_chunks_but_for_the_last(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batch_sizes, "CHUNK_ROWS", 4)
    (batch,) = batches(23)
    assert [part.num_rows for part in sliced(batch, 10)] == [8, 8, 7]


def test_a_range_of_rows_and_no_batch_after_it():
    read: list[int] = []

    def decoded() -> Iterable[pa.RecordBatch]:
        for place, batch in enumerate(batches(4, 4, 4, 4)):
            read.append(place)
            yield batch

    assert rows(row_range(decoded(), (3, 9))) == [[3], [4, 5, 6, 7], [8]]
    assert read == [0, 1, 2]
    assert rows(row_range(batches(2, 0, 1), None)) == [[0, 1], [2]]
