"""The same answers on a disk and on an object store."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.files.places import open_filesystem
from replay.files.reading import entry_names, exists, file_status, is_directory, list_below, open_input, read_bytes


@pytest.fixture(params=["disk", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "s3":
        url = f"{request.getfixturevalue('s3').new_bucket()}/a b"
        filesystem, place = open_filesystem(url)
    else:
        url = str(tmp_path)
        filesystem, place = open_filesystem(url)
        filesystem.create_dir(f"{place}/log/deep")
    for name, text in {"z": b"zz", "log/0.json": b"{}", "log/deep/1": b"1"}.items():
        with filesystem.open_output_stream(f"{place}/{name}") as file:
            file.write(text)
    return url


def test_directories_are_listed(root: str):
    assert entry_names(root) == ["log", "z"]
    assert entry_names(f"{root}/log/") == ["0.json", "deep"]
    assert entry_names(f"{root}/nothing") == []
    assert [exists(f"{root}/{name}") for name in ("log", "z", "nothing")] == [True, True, False]
    assert [is_directory(f"{root}/{name}") for name in ("log", "z", "nothing")] == [True, False, False]


def test_files_are_read(root: str):
    assert read_bytes(f"{root}/log/0.json") == b"{}"
    with open_input(f"{root}/z") as file:
        assert (file.size(), file.read_at(1, 1)) == (2, b"z")
    status = file_status(f"{root}/z")
    assert (status.path, status.size) == (f"{root}/z", 2)
    assert status.modified > 1_700_000_000 * 10**9
    for path in (f"{root}/nothing", f"{root}/log/nothing"):
        with pytest.raises(FileNotFoundError):
            read_bytes(path)
        with pytest.raises(FileNotFoundError):
            file_status(path)


def test_all_below_is_listed_once(s3):
    url = f"{s3.new_bucket()}/t"
    for name in ("b/2", "a", "b/c/1"):
        filesystem, place = open_filesystem(f"{url}/{name}")
        with filesystem.open_output_stream(place) as file:
            file.write(name.encode())
    expected = [(f"{url}/a", 1), (f"{url}/b/2", 3), (f"{url}/b/c/1", 5)]
    assert [(found.path, found.size) for found in list_below(f"{url}/")] == expected
    assert list_below(f"{url}/nothing") == []
