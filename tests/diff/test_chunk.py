from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.diff.chunk import ChunkBuffer, decode, read_numbers
from tests.diff.table import SPEC


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1, None, 3], pa.int8()), [1, None, 3]),
        (pa.array([True, None, False]), [1, None, 0]),
        (pa.array([0.5, None, np.nan], pa.float32()), [0.5, None, np.nan]),
        (pa.array([0.5, None, 1.5], pa.float16()), [0.5, None, 1.5]),
    ],
)
def test_numbers_keep_null_and_nan_apart(column, expected):
    found = read_numbers(pa.chunked_array([column]))
    assert found.valid.tolist() == [value is not None for value in expected]
    assert found.values[found.valid].tolist() == pytest.approx([v for v in expected if v is not None], nan_ok=True)
    assert found.values.dtype == np.float64


@pytest.mark.parametrize(
    "type_",
    [pa.timestamp("s"), pa.timestamp("ms", tz="UTC"), pa.timestamp("us", tz="Europe/Berlin"), pa.timestamp("ns")],
)
def test_times_of_any_unit_become_microseconds_since_1970_in_utc(type_):
    table = pa.table({"online_score": [0.5, 0.5], "prod": [0.5, 0.5], "t": pa.array([1_000_000_000, None], pa.int64())})
    seconds = table.column("t").cast(pa.timestamp("s")).cast(pa.timestamp(type_.unit)).cast(pa.int64()).cast(type_)
    spec = replace(
        SPEC, variants=SPEC.variants[:1], label=None, weight=None, group=None, time="t", segments=(), rejected=None
    )
    found = decode(table.set_column(2, "t", seconds), spec).time_us
    assert found.values[0] == 1_000_000_000 * 1_000_000
    assert found.valid.tolist() == [True, False]


@pytest.mark.parametrize(
    ("column", "labels"),
    [
        (pa.array(["a", None, "a"]), {"a", None}),
        (pa.array(["a", None, "a"]).dictionary_encode(), {"a", None}),
        (pa.array([1, None, 1]), {"1", None}),
        (pa.array([True, None, True]), {"true", None}),
        (pa.array(["a", None, "a"], pa.large_string()), {"a", None}),
    ],
)
def test_segments_of_any_type_become_text(column, labels):
    table = pa.table({"online_score": [0.5] * 3, "prod": [0.5] * 3, "s": column})
    spec = replace(
        SPEC, variants=SPEC.variants[:1], label=None, weight=None, group=None, time=None, segments=("s",), rejected=None
    )
    found = decode(table, spec).segments[0]
    assert set(found.values) == labels
    assert [found.values[code] for code in found.codes] == [max(labels - {None}), None, max(labels - {None})]


def gathered(sizes, asks):
    """First row and number of rows of every chunk, where batches of such sizes are taken as soon as they are enough."""
    buffer, chunks, start = ChunkBuffer(), [], 0
    for place, size in enumerate(sizes):
        buffer.add(pa.record_batch({"x": np.arange(start, start + size)}))
        start += size
        if buffer.full and asks[place % len(asks)]:
            chunks += buffer.take()
            assert not buffer.full
    chunks += buffer.drain()
    assert list(buffer.drain()) == []
    assert all(chunk.column("x").num_chunks == 1 for chunk in chunks)
    values = [chunk.column("x").to_pylist() for chunk in chunks]
    assert [value for chunk in values for value in chunk] == list(range(start))
    return [len(chunk) for chunk in values]


@pytest.fixture
def chunks_of_eight(monkeypatch):
    monkeypatch.setattr("replay.diff.chunk.CHUNK_ROWS", 8)
    monkeypatch.setattr("replay.diff.chunk._MOST_ROWS", 12)


@pytest.mark.parametrize(
    ("rows", "chunks"),
    [(0, []), (1, [1]), (8, [8]), (11, [11]), (12, [8, 4]), (19, [8, 11]), (20, [8, 8, 4]), (27, [8, 8, 11])],
)
def test_rows_are_cut_into_chunks_and_a_few_left_join_the_last(chunks_of_eight, rows, chunks):
    assert gathered([rows], [True]) == chunks
    assert gathered([1] * rows, [True]) == chunks


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 40), max_size=12), st.lists(st.booleans(), min_size=1, max_size=4))
def test_chunks_are_the_same_however_the_rows_come(chunks_of_eight, sizes, asks):
    """Whatever the batches are, and whether it is asked for chunks after each of them or only now and then."""
    assert gathered(sizes, asks) == gathered([sum(sizes)], [True])
