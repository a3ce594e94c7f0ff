from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from replay.diff.chunk import Chunk
from replay.diff.chunked_state import ChunkedState, pack, unpack
from tests.diff.table import SPEC, batches, scores_table

TABLE = scores_table()


class Rows(ChunkedState):
    """Counts rows, and how often it was given a chunk."""

    def __init__(self) -> None:
        super().__init__(SPEC)
        self.rows = self.chunks = 0
        self.rejected = Counter()

    def _reject(self, rejected):
        self.rejected.update(rejected)

    def _add(self, chunk: Chunk) -> None:
        self.rows += chunk.rows
        self.chunks += 1


class Sizes(Rows):
    """Remembers how many rows each chunk had."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def _add(self, chunk: Chunk) -> None:
        self.sizes.append(chunk.rows)


def fed():
    state = Rows()
    for (batch,) in batches(TABLE):
        state.update(batch)
    return state


def test_batches_wait_until_they_are_a_chunk_and_rejected_rows_are_told_apart():
    state = fed()
    assert state.chunks == 0
    state.flush()
    reasons = [reason for reason in TABLE.column("rejected").to_pylist() if reason is not None]
    assert (state.chunks, state.rows, state.rejected) == (1, TABLE.num_rows - len(reasons), Counter(reasons))
    assert state.flush().chunks == 1


def test_whole_chunks_are_worked_through_at_once_and_cut_by_the_rows_alone(monkeypatch):
    """Rejected rows count: a chunk is cut before it is known what is in it."""
    monkeypatch.setattr("replay.diff.chunk.CHUNK_ROWS", 200)
    monkeypatch.setattr("replay.diff.chunk._MOST_ROWS", 300)
    scored = [row is None for row in TABLE.column("rejected").to_pylist()]
    for most in (1, 17, 299, 300, TABLE.num_rows):
        state, seen = Sizes(), 0
        for batch in TABLE.combine_chunks().to_batches(max_chunksize=most):
            state.update(batch)
            seen += batch.num_rows
            assert len(state.sizes) == max(0, (seen - 100) // 200)
        assert state.flush().sizes == [sum(scored[start : start + 200]) for start in range(0, 800, 200)] + [
            sum(scored[800:])
        ]


def test_rows_that_were_all_rejected_make_no_chunk():
    rejected = TABLE.set_column(
        TABLE.schema.get_field_index("rejected"), "rejected", pa.array(["no_default"] * TABLE.num_rows)
    )
    state = Rows().update(rejected.combine_chunks().to_batches()[0]).flush()
    assert (state.chunks, state.rejected) == (0, Counter(no_default=TABLE.num_rows))


def test_what_waits_is_packed_as_well():
    assert Rows.from_bytes(fed().to_bytes()).rows == fed().flush().rows


def test_the_bytes_of_another_state_are_refused():
    class Others(Rows):
        pass

    with pytest.raises(TypeError, match="found Rows, expected a packed Others"):
        Others.from_bytes(fed().to_bytes())


@pytest.mark.parametrize("state", [None, {"a": (1, 2.5, "x")}, [], b"", "text" * 100_000])
def test_what_was_packed_comes_back(state):
    assert unpack(pack(state)) == state


def test_arrays_keep_their_bits():
    values = np.array([0.1, -0.0, np.nan, np.inf, 5e-324])

    assert unpack(pack(values)).tobytes() == values.tobytes()


def test_what_repeats_is_small():
    assert len(pack(np.zeros(1_000_000))) < 10_000
