"""How row groups are gathered into splits."""

from __future__ import annotations

import itertools
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from replay.traffic.read.direct import Split
from replay.traffic.read.selecting.window import time_filter
from replay.traffic.read.splits import TARGET_ROWS, make_splits
from replay.traffic.table.data_files import DataFile
from tests.traffic.tables import data_file, traffic_config, write


def rows_of(splits: tuple[Split, ...]) -> list[int]:
    return [split.num_rows for split in splits]


def numbers(path: Path, rows: int, group: int) -> DataFile:
    return data_file(write(path, pa.table({"id": np.arange(rows)}), row_group_size=group))


def covered(splits: tuple[Split, ...], group: int) -> list[tuple[str, int, int]]:
    """Every stretch of rows that is read, as (file, first row, last row), in the order of reading."""
    stretches = []
    for piece in (piece for split in splits for piece in split.pieces):
        for index in piece.row_groups:
            start, stop = piece.rows or (0, group)
            stretches.append((piece.path, index * group + start, index * group + stop))
    return stretches


def test_a_large_table_gets_splits_of_the_target_size(tmp_path: Path) -> None:
    file = numbers(tmp_path / "t", 5_000_000, 50_000)
    splits = make_splits([file], None)
    assert rows_of(splits) == [300_000] * 16 + [200_000]
    assert all(abs(rows - TARGET_ROWS) <= TARGET_ROWS // 4 for rows in rows_of(splits))
    assert [len(split.pieces) for split in splits] == [1] * 17  # neighbouring groups are one piece


def test_a_small_table_still_gives_several_tasks_work(tmp_path: Path) -> None:
    assert len(make_splits([numbers(tmp_path / "t", 320_000, 10_000)], None)) == 16


def test_a_tiny_table_is_not_cut_up(tmp_path: Path) -> None:
    assert rows_of(make_splits([numbers(tmp_path / "t", 10_000, 100)], None)) == [10_000]


def test_small_files_share_a_split(tmp_path: Path) -> None:
    files = [numbers(tmp_path / str(index), 100, 100) for index in range(50)]
    splits = make_splits(files, None)
    assert rows_of(splits) == [5_000]
    assert len(splits[0].pieces) == 50


def test_one_huge_row_group_is_cut_into_ranges_that_cover_it_once(tmp_path: Path) -> None:
    rows = 1_000_001
    splits = make_splits([numbers(tmp_path / "t", rows, 2_000_000)], None)
    path = str(tmp_path / "t")
    assert covered(splits, rows) == [
        (path, 0, 250_001),
        (path, 250_001, 500_002),
        (path, 500_002, 750_003),
        (path, 750_003, rows),
    ]


def test_row_groups_are_left_whole_where_there_are_enough(tmp_path: Path) -> None:
    splits = make_splits([numbers(tmp_path / "t", 4_000_000, 1_000_000)], None)
    assert rows_of(splits) == [1_000_000] * 4
    assert all(piece.rows is None for split in splits for piece in split.pieces)


@pytest.mark.parametrize(("rows", "group"), [(777_777, 100_000), (50_000, 50_000), (1, 1), (90_000, 7_001)])
def test_every_row_is_read_exactly_once(tmp_path: Path, rows: int, group: int) -> None:
    splits = make_splits([numbers(tmp_path / "t", rows, group)], None)
    stretches = [(start, min(stop, rows)) for _, start, stop in covered(splits, group)]
    assert stretches[0][0] == 0
    assert stretches[-1][1] == rows
    assert all(left[1] == right[0] for left, right in itertools.pairwise(stretches))
    assert sum(rows_of(splits)) == rows


def test_the_plan_is_the_same_on_any_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = numbers(tmp_path / "t", 500_000, 30_000)
    here = make_splits([file], None)
    monkeypatch.setattr(os, "cpu_count", lambda: 96)
    assert make_splits([file], None) == here


def test_row_groups_outside_of_the_window_are_not_read(tmp_path: Path) -> None:
    table = pa.table({"ts": pa.array(np.arange(100), pa.timestamp("s", tz="UTC"))})
    file = data_file(write(tmp_path / "t", table, row_group_size=10))
    window = {"start": datetime.fromtimestamp(20, UTC), "end": datetime.fromtimestamp(45, UTC)}
    schema = pa.schema([("ts", pa.timestamp("us", tz="UTC"))])
    found = make_splits([file], time_filter(schema, traffic_config("t", time="ts", window=window)))
    pieces = [piece for split in found for piece in split.pieces]
    assert [(piece.row_groups, piece.masked) for piece in pieces] == [((2, 3), False), ((4,), True)]


def test_files_of_another_partition_are_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "t", pa.table({"id": [1]}))
    schema = pa.schema([("id", pa.int64()), ("hour", pa.int32())])
    config = traffic_config("t", time={"column": "hour", "unit": "s"}, window={"end": datetime.fromtimestamp(7, UTC)})
    window = time_filter(schema, config)
    files = [data_file(path, partition_values={"hour": hour}) for hour in (6, 7, None)]
    pieces = [piece for split in make_splits(files, window) for piece in split.pieces]
    assert [(piece.partition_values, piece.masked) for piece in pieces] == [({"hour": 6}, False)]


def test_footers_of_another_partition_are_not_even_read(tmp_path: Path) -> None:
    config = traffic_config("t", time={"column": "hour", "unit": "s"}, window={"end": datetime.fromtimestamp(7, UTC)})
    window = time_filter(pa.schema([("hour", pa.int32())]), config)
    assert make_splits([DataFile(str(tmp_path / "gone"), 1, 1, None, {"hour": 8})], window) == ()


def test_no_rows_no_splits(tmp_path: Path) -> None:
    assert make_splits([numbers(tmp_path / "t", 0, 10)], None) == ()
