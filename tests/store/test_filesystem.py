"""Which file system has a path."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import fs

from replay.store.filesystem import local_path, open_filesystem


def test_a_path_is_local_as_it_is_or_as_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert local_path("out") == f"{tmp_path}/out"
    for given in (f"{tmp_path}/a b", f"file://{tmp_path}/a%20b", f"file:{tmp_path}/a%20b"):
        filesystem, path = open_filesystem(given)
        assert (filesystem.type_name, path) == ("local", f"{tmp_path}/a b")


def test_a_url_is_elsewhere():
    assert local_path("s3a://bucket/out") is None
    filesystem, path = open_filesystem("mock:///bucket/out")
    assert isinstance(filesystem, fs.FileSystem)
    assert (filesystem.type_name, path) == ("mock", "bucket/out")


def test_a_url_that_arrow_does_not_know_is_told():
    with pytest.raises((OSError, ValueError), match="nowhere"):
        open_filesystem("nowhere://bucket/out")
