"""What tasks read of the files, and what they compute from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.column import ComputedColumn, with_computed
from replay.traffic.read.columns import plan_reading, traffic_window
from replay.traffic.read.direct import read_split
from replay.traffic.read.splits import make_splits
from replay.traffic.table.pinned import PinnedTraffic
from tests.traffic.tables import data_file, traffic_config, write

ROWS = 100


def micros(column: str) -> ExpressionNode:
    return ExpressionNode(
        "MicrosToTimestamp", "timestamp_micros", "timestamp", (ExpressionNode("AttributeReference", column, "bigint"),)
    )


def table(tmp_path: Path, **settings: object) -> PinnedTraffic:
    """Times as microseconds in a column of its own, and read as the event time `ts`."""
    logged = pa.table({"id": range(ROWS), "ts": [row * 1_000_000 for row in range(ROWS)], "x": range(ROWS)})
    file = data_file(write(tmp_path / "t.parquet", logged, row_group_size=10))
    time = pa.timestamp("us", "UTC")
    computed = (ComputedColumn("ts", "", time, ("ts",), "traffic.time", micros("ts"), None),)
    pinned = PinnedTraffic("parquet", traffic_config("t", **settings), "t", logged.schema, ROWS, (file,))
    return replace(pinned, schema=with_computed(logged.schema, computed), logged=logged.schema, computed=computed)


def test_a_logged_column_is_read_as_it_is(tmp_path: Path) -> None:
    plan = plan_reading(table(tmp_path), ["x"])
    assert (plan.schema.names, plan.logged, plan.computed, plan.time_filter) == (["x"], None, (), None)


def test_a_window_over_a_computed_time_reads_it_beside_what_is_asked_for(tmp_path: Path) -> None:
    window = {"start": "1970-01-01T00:00:20Z", "end": "1970-01-01T00:00:25Z"}
    traffic = table(tmp_path, time="ts", window=window)
    found = traffic_window(traffic)
    assert found is not None
    assert not found.logged
    plan = plan_reading(traffic, ["x"])
    assert plan.logged is not None
    assert plan.logged.names == ["ts", "x"]
    splits = make_splits(traffic.files, found)
    # The files' statistics are of another column: every row is looked at.
    assert sum(split.num_rows for split in splits) == ROWS
    batches = [batch for split in splits for batch in read_split(split, plan)]
    assert pa.Table.from_batches(batches).to_pydict() == {"x": [20, 21, 22, 23, 24]}


def test_a_window_over_a_logged_time_still_skips_row_groups(tmp_path: Path) -> None:
    traffic = table(tmp_path, time={"column": "x", "unit": "s"}, window={"end": "1970-01-01T00:00:05Z"})
    found = traffic_window(traffic)
    assert found is not None
    assert found.logged
    splits = make_splits(traffic.files, found)
    assert sum(split.num_rows for split in splits) == 10
    batches = [batch for split in splits for batch in read_split(split, plan_reading(traffic, ["ts", "id"]))]
    assert pa.Table.from_batches(batches)["id"].to_pylist() == [0, 1, 2, 3, 4]
    assert batches[0].schema.field("ts").type == pa.timestamp("us", "UTC")
