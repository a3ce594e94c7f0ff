"""Files come and go, on a disk and on an object store."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.files.reading import entry_names, read_bytes
from replay.files.writing import open_output, remove_directory


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_a_file_is_written_and_its_directory_removed(where: str, request: pytest.FixtureRequest, tmp_path: Path):
    root = str(tmp_path) if where == "disk" else request.getfixturevalue("s3").new_bucket()
    with open_output(f"{root}/deep/er/file") as file:
        file.write(b"text")
    assert read_bytes(f"{root}/deep/er/file") == b"text"
    remove_directory(f"{root}/deep")
    remove_directory(f"{root}/deep")
    assert entry_names(f"{root}/deep") == []
