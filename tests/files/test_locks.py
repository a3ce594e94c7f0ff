"""Whether somebody holds a lock."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from replay.files.locks import is_locked


@pytest.mark.parametrize("kind", [fcntl.LOCK_EX, fcntl.LOCK_SH])
@pytest.mark.parametrize("name", ["file", "."])
def test_a_lock_is_seen_while_it_is_held(kind: int, name: str, tmp_path: Path):
    (tmp_path / "file").touch()
    handle = os.open(tmp_path / name, os.O_RDONLY)
    fcntl.flock(handle, kind)
    assert is_locked(tmp_path / name, os.O_RDONLY)
    os.close(handle)
    assert not is_locked(tmp_path / name, os.O_RDONLY)
    assert not is_locked(tmp_path / name, os.O_RDONLY)  # to ask leaves none


def test_what_is_not_there_is_not_said_to_be_free(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        is_locked(tmp_path / "gone", os.O_RDONLY)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OSError, match="link"):
        is_locked(tmp_path / "link", os.O_RDONLY | os.O_NOFOLLOW)
