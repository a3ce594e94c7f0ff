from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

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


def test_batches_are_gathered_and_cut(monkeypatch):
    monkeypatch.setattr("replay.diff.chunk.CHUNK_ROWS", 4)
    buffer = ChunkBuffer()
    for size in (3, 0, 3, 5):
        buffer.add(pa.record_batch({"x": np.arange(size)}))
    assert buffer.full
    assert [table.num_rows for table in buffer.drain()] == [4, 4, 3]
    assert list(buffer.drain()) == []
