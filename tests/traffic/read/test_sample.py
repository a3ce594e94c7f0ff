"""A few of many rows: from all over the table, the same ones every time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.traffic import SplitPlan, draw_direct, draw_scanned, open_traffic
from replay.traffic.read.sample import SPREAD
from replay.traffic.read.selecting.window import time_filter
from replay.traffic.read.splits import make_splits
from tests.traffic.tables import data_file, traffic_config, write

SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string()), ("ts", pa.timestamp("us", "UTC"))])


def logged(first: int, rows: int) -> pa.Table:
    ids = np.arange(first, first + rows)
    return pa.table(
        {"id": ids, "name": [f"n{row}" for row in ids], "ts": pa.array(ids * 1_000_000, pa.timestamp("us", "UTC"))}
    )


def plan(folder: Path, files: int, rows: int, group: int, window: Any = None) -> SplitPlan:
    """``files`` files of ``rows`` rows each, in row groups of ``group``; ids count on."""
    data = [
        data_file(write(folder / f"{number:03}.parquet", logged(number * rows, rows), row_group_size=group))
        for number in range(files)
    ]
    splits = make_splits(data, window)
    return SplitPlan(SCHEMA, window, "direct", None, splits, files * rows)


def ids(batch: pa.RecordBatch) -> list[int]:
    found: list[int] = batch.column("id").to_pylist()
    return found


def test_a_small_table_is_drawn_whole(tmp_path: Path):
    drawn = draw_direct(plan(tmp_path, 3, 100, 40))
    assert sorted(ids(drawn.batch)) == list(range(300))
    assert (drawn.of_blocks, len(set(drawn.blocks.tolist()))) == (9, 9)
    assert drawn.batch.schema == SCHEMA


def test_rows_come_from_many_files_and_from_anywhere_in_a_row_group(tmp_path: Path):
    drawn = draw_direct(plan(tmp_path, 40, 500, 250), most=1_600)
    found = np.array(ids(drawn.batch))
    assert len(found) == len(set(found.tolist())) == 1_600
    assert len(set((found // 500).tolist())) == SPREAD  # one row group each of so many files
    assert drawn.of_blocks == 80
    # Of 250 rows 100 are drawn: were they the first ones, their mean place would be 50.
    assert abs((found % 250).mean() - 124.5) < 10


def test_blocks_say_which_rows_share_a_row_group(tmp_path: Path):
    drawn = draw_direct(plan(tmp_path, 4, 1_000, 250), most=160)
    groups = np.array(ids(drawn.batch)) // 250
    assert {(int(a), int(b)) for a, b in zip(drawn.blocks, groups, strict=True)} == {(n, n) for n in range(16)}


def test_the_same_rows_are_drawn_every_time(tmp_path: Path):
    assert ids(draw_direct(plan(tmp_path / "a", 5, 900, 300), most=50).batch) == ids(
        draw_direct(plan(tmp_path / "b", 5, 900, 300), most=50).batch
    )


def test_only_rows_of_the_window_are_drawn_and_empty_row_groups_do_not_count(tmp_path: Path):
    bounds = {"start": datetime.fromtimestamp(0, UTC), "end": datetime.fromtimestamp(60, UTC)}
    window = time_filter(SCHEMA, traffic_config("t", time="ts", window=bounds))
    shuffled = np.random.default_rng(0).permutation(3_000)
    table = logged(0, 3_000).take(pa.array(shuffled))
    file = data_file(write(tmp_path / "t.parquet", table, row_group_size=50))
    drawn = draw_direct(SplitPlan(SCHEMA, window, "direct", None, make_splits([file], window), 3_000), most=60)
    assert set(ids(drawn.batch)) <= set(range(60))
    assert len(ids(drawn.batch)) >= 40


def test_of_a_row_group_larger_than_its_share_only_the_first_rows_are_looked_at(tmp_path: Path):
    drawn = draw_direct(plan(tmp_path, 1, 100_000, 100_000), most=400, most_bytes=4 * 20_000)
    assert len(ids(drawn.batch)) == 400
    assert max(ids(drawn.batch)) < 100_000


@pytest.mark.spark
def test_spark_draws_from_all_selected_rows(spark: SparkSession, tmp_path: Path):
    table = logged(0, 2_000).append_column("score", pa.array(np.zeros(2_000)))
    write(tmp_path / "t.parquet", table)
    traffic = open_traffic(spark, traffic_config(tmp_path / "t.parquet", where="id >= 1000"))
    drawn = draw_scanned(spark, traffic, ["id", "name"], 1_000, most=200)
    found = ids(drawn.batch)
    assert len(found) == len(set(found)) == 200
    assert min(found) >= 1_000
    assert abs(np.mean(found) - 1_499.5) < 4 * 289 / np.sqrt(200)
    assert found == ids(draw_scanned(spark, traffic, ["id", "name"], 1_000, most=200).batch)
    assert len(ids(draw_scanned(spark, traffic, ["id", "name"], 1_000, most=5_000).batch)) == 1_000
