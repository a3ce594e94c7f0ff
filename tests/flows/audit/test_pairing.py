"""Joined rows taken apart again, by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from replay.config import TrafficConfig
from replay.flows.audit.pairing import MATCHED, PairedColumns, paired_rows, split_sides, text_keys

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = pa.record_batch(
    {
        "id": ["a", "b"],
        "at": pa.array([MOMENT, None], pa.timestamp("us", "UTC")),
        "user": [1, 1],
        "x": [1.0, 2.0],
        "gone": [5, 6],
        "s": ["home", None],
        "@f": pa.array([{"x": 1.5}, None], pa.struct([("x", pa.float64())])),
        "@x_status": pa.array([7, None], pa.int32()),
        "@x_at": pa.array([MOMENT, None], pa.timestamp("us", "UTC")),
        MATCHED: [True, None],
    }
)
COLUMNS = PairedColumns(
    TrafficConfig(path="t", key=("id",), score="score", time="at", entity="user", segments=("s",)),
    ("s",),
    ("id", "at", "user", "x", "gone", "s"),
    ("f", "x_status", "x_at"),
    {"x": "f.x"},
    {"x": "x_at"},
    {"x": "x_status"},
    {"7": "timeout"},
    absent=("gone",),
)


def test_each_side_has_its_own_names():
    here, there = split_sides(BATCH)

    assert here.schema.names == ["id", "at", "user", "x", "gone", "s"]
    assert there.schema.names == ["f", "x_status", "x_at"]


def test_rows_are_paired_by_feature():
    rows = paired_rows(BATCH, COLUMNS)

    assert rows.matched.tolist() == [True, False]
    assert {name: values.to_pylist() for name, values in rows.here.items()} == {"x": [1.0, 2.0], "gone": [5, 6]}
    assert {name: values.to_pylist() for name, values in rows.there.items()} == {"x": [1.5, None], "gone": [None, None]}
    assert rows.statuses["x"].to_pylist() == ["timeout", None]
    assert rows.value_times["x"].to_pylist() == [MOMENT, None]
    assert rows.segments["s"].to_pylist() == ["home", None]
    assert rows.beside.to_pylist()[0] == {"key id": "a", "time": int(MOMENT.timestamp() * 1e6), "entity": 1}
    assert (rows.keys == rows.groups).all()


def test_keys_are_told_as_text():
    assert text_keys([{"key id": 7, "time": 3}]) == ({"id": "7"},)
