"""What lies under a path that is no file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from replay.files.kinds import odd_kind


def test_pipes_sockets_and_devices_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
        assert odd_kind(tmp_path / "socket") == "a socket"
    assert odd_kind(tmp_path / "pipe") == odd_kind(str(tmp_path / "link")) == "a pipe"
    assert odd_kind("/dev/null") == "a device"


def test_files_directories_and_nothing_are_not_odd(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    paths = (tmp_path / "file", tmp_path, tmp_path / "none", tmp_path / "loop", "a" * 100_000, "zero\0byte")
    assert [odd_kind(path) for path in paths] == [None] * 6
