"""Which files of a directory are data."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.errors import TrafficError
from replay.traffic.table.parquet import list_files


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def test_finds_files_at_any_depth_but_no_hidden_ones(tmp_path: Path) -> None:
    names = ["b.parquet", "a b [1]/c.parquet", "_SUCCESS", ".b.parquet.crc", "_tmp/d.parquet", "_day=1/e.parquet"]
    for name in names:
        touch(tmp_path / name)
    found = list_files(str(tmp_path))
    assert [Path(path).relative_to(tmp_path).as_posix() for path, _, _ in found.files] == [
        "_day=1/e.parquet",
        "a b [1]/c.parquet",
        "b.parquet",
    ]
    assert found.partitioned
    assert found.files[0][1] == 1


def test_a_single_file(tmp_path: Path) -> None:
    touch(tmp_path / "day=1" / "a.parquet")
    found = list_files(str(tmp_path / "day=1" / "a.parquet"))
    assert len(found.files) == 1
    assert not found.partitioned


def test_a_directory_without_data_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "_SUCCESS")
    with pytest.raises(TrafficError, match="has no data files: expected Parquet files or a Delta table"):
        list_files(str(tmp_path))


def test_parts_of_a_delta_table_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "table" / "_delta_log" / "0.json")
    touch(tmp_path / "table" / "day=1" / "a.parquet")
    with pytest.raises(TrafficError, match=r"lies inside the Delta table .*table, whose files hold removed rows"):
        list_files(str(tmp_path / "table" / "day=1"))
    with pytest.raises(TrafficError, match="is a Delta table inside the given path"):
        list_files(str(tmp_path))
