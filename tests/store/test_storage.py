"""Small files on a local disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.errors import OutputConflict, RunFailed
from replay.store import Storage, open_storage
from replay.store.storage import require_writable


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path / "out"))


def test_files_are_written_read_and_deleted(storage: Storage):
    assert storage.names() == []
    assert storage.read("a.json") is None
    storage.write("a.json", "{é}")
    storage.write("a.json", "{è}")
    assert storage.read("a.json") == "{è}"
    assert storage.names() == ["a.json"]
    Path(storage.path, "table").mkdir()
    Path(storage.path, "table", "part").touch()
    for name in ("a.json", "table", "never there"):
        storage.delete(name)
    assert storage.names() == []


def test_what_is_damaged_is_read_all_the_same(storage: Storage):
    storage.write("a.json", "x")
    Path(storage.path, "a.json").write_bytes(b"\xff{}")
    assert storage.read("a.json") == "\ufffd{}"


def test_a_link_is_deleted_and_not_what_it_leads_to(storage: Storage, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    storage.write("a.json", "x")
    Path(storage.path, "scores").symlink_to(tmp_path / "elsewhere")
    storage.delete("scores")
    assert (tmp_path / "elsewhere").is_dir()
    assert storage.names() == ["a.json"]


def test_a_file_is_no_directory(tmp_path: Path):
    (tmp_path / "out").touch()
    with pytest.raises(OutputConflict, match="is a file"):
        open_storage(str(tmp_path / "out")).names()


def test_a_file_url_is_local(tmp_path: Path):
    storage = open_storage(f"file://{tmp_path}/with%20space")
    storage.write("a.txt", "x")
    assert (tmp_path / "with space" / "a.txt").read_text() == "x"


def test_a_path_that_arrow_cannot_open_needs_spark():
    with pytest.raises(RunFailed, match=r"pyarrow cannot open dbfs://.*needs a Spark session"):
        open_storage("dbfs:/out")


@pytest.mark.parametrize(
    ("place", "reason"), [("file/out", r"file is a file"), ("file", r"file is a file"), ("none/out", None)]
)
def test_a_place_that_cannot_be_written_is_refused(place: str, reason: str | None, tmp_path: Path):
    (tmp_path / "file").touch()
    if reason is None:
        require_writable(str(tmp_path / place))
        return
    with pytest.raises(OutputConflict, match=rf"cannot be made: .*{reason}; give another output"):
        require_writable(str(tmp_path / place))


def test_a_disk_that_is_mounted_read_only_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(OutputConflict, match="is closed to this user, or on a disk that is mounted read-only"):
        require_writable(str(tmp_path / "out"))
