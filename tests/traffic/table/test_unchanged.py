"""Whether the traffic is what was pinned, by its files' names and bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from replay.config import TrafficConfig
from replay.traffic.table.unchanged import is_unchanged
from tests.flows.finished.complete import parquet_fingerprint, sha256, write_commit


def traffic(path: Path, **more: Any) -> TrafficConfig:
    return TrafficConfig(path=str(path), key=("id",), score="s", **more)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in ("day=1/a.parquet", "day=2/b.parquet"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"rows")
    return tmp_path


@pytest.fixture
def parquet(files: Path) -> dict[str, Any]:
    return {"format": "parquet", "path": str(files), "delta_version": None, "fingerprint": parquet_fingerprint(files)}


def test_the_same_files(files: Path, parquet: dict[str, Any]):
    assert is_unchanged(traffic(files), parquet)
    (files / "_SUCCESS").touch()
    assert is_unchanged(traffic(files), parquet)


def test_other_files(files: Path, parquet: dict[str, Any]):
    os.utime(files / "day=1" / "a.parquet", ns=(5, 5))
    assert not is_unchanged(traffic(files), parquet)


def test_files_that_became_a_table_or_are_gone(files: Path, parquet: dict[str, Any]):
    assert not is_unchanged(traffic(files / "day=1"), parquet)
    write_commit(files, 0)
    assert not is_unchanged(traffic(files), parquet)
    assert not is_unchanged(traffic(files / "absent"), {**parquet, "path": str(files / "absent")})


@pytest.fixture
def delta(tmp_path: Path) -> dict[str, Any]:
    commits = [write_commit(tmp_path, version) for version in range(3)]
    return {
        "format": "delta",
        "path": str(tmp_path),
        "delta_version": 2,
        "commit": sha256(commits[2]),
        "fingerprint": "f",
    }


def test_the_newest_version_is_still_that_of_before(tmp_path: Path, delta: dict[str, Any]):
    assert is_unchanged(traffic(tmp_path), delta)
    write_commit(tmp_path, 3)
    assert not is_unchanged(traffic(tmp_path), delta)
    assert is_unchanged(traffic(tmp_path, delta_version=2), delta)
    assert not is_unchanged(traffic(tmp_path, delta_version=1), delta)


def test_another_table_of_the_same_version(tmp_path: Path, delta: dict[str, Any]):
    (tmp_path / "_delta_log" / f"{2:020}.json").write_text("made anew")
    assert not is_unchanged(traffic(tmp_path), delta)
    assert not is_unchanged(traffic(tmp_path, delta_version=2), delta)


def test_what_only_spark_can_tell(tmp_path: Path, delta: dict[str, Any]):
    (tmp_path / "_delta_log" / f"{2:020}.json").unlink()
    assert not is_unchanged(traffic(tmp_path, delta_version=2), delta)
    assert not is_unchanged(traffic(tmp_path), {**delta, "commit": None})
    remote = TrafficConfig(path="dbfs:/b/t", key=("id",), score="s")
    assert not is_unchanged(remote, {**delta, "path": "dbfs:/b/t"})
    table = TrafficConfig(table="db.t", key=("id",), score="s")
    assert not is_unchanged(table, delta)
