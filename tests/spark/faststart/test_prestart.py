"""Which traffic is known to be small before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.spark.faststart import prestart


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """100 bytes in a directory and 100 below it, where 200 are still few."""
    monkeypatch.setattr(prestart, "SHORT_BYTES", 200 + _of_directory(tmp_path))
    (tmp_path / "day=1").mkdir()
    (tmp_path / "a.parquet").write_bytes(bytes(100))
    (tmp_path / "day=1" / "b.parquet").write_bytes(bytes(100))
    return tmp_path


def _of_directory(root: Path) -> int:
    """What the file system counts for a directory itself."""
    probe = root / "probe"
    probe.mkdir()
    size = probe.lstat().st_size
    probe.rmdir()
    return size


def test_files_at_any_depth_count(table: Path) -> None:
    assert prestart.is_short(str(table))
    (table / "day=1" / "c.parquet").write_bytes(b"1")
    assert not prestart.is_short(str(table))


def test_one_file(table: Path) -> None:
    assert prestart.is_short(str(table / "a.parquet"))


@pytest.mark.parametrize("path", [None, "s3a://bucket/traffic", "/no/such/place"])
def test_what_cannot_be_told_is_not_small(path: str | None) -> None:
    assert not prestart.is_short(path)
