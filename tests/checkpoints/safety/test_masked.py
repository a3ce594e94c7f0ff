"""A file with other bytes laid over it reads as if they stood in it, in pieces of any size."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.checkpoints.safety.archives import Archive
from replay.checkpoints.safety.masked import MaskedFile
from replay.checkpoints.safety.storages import MappedFile
from tests.checkpoints.samples import write_entries

CONTENT = bytes(range(100))


@given(
    patches=st.lists(st.tuples(st.integers(0, 90), st.binary(max_size=20)), max_size=4),
    reads=st.lists(st.tuples(st.integers(0, 110), st.integers(0, 60)), max_size=6),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_reads_as_the_patched_bytes(
    tmp_path: Path, patches: list[tuple[int, bytes]], reads: list[tuple[int, int]]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    expected = bytearray(CONTENT)
    for place, content in patches:
        end = min(place + len(content), len(expected))
        expected[place:end] = content[: end - place]
    with MaskedFile(path, patches) as file:
        for place, count in reads:
            assert file.seek(place) == file.tell() == place
            assert file.read(count) == bytes(expected)[place : place + count]
        file.seek(0)
        assert file.read() == bytes(expected)
        assert file.seek(0, io.SEEK_END) == len(CONTENT)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_entries_of_an_archive_that_are_left_out_are_empty_to_another_reader(tmp_path: Path, method: int) -> None:
    path = tmp_path / "archive.zip"
    write_entries(path, {"m/kept": b"kept", "m/left": b"secret" * 9, "m/last": b"last"}, method)
    patches = Archive(MappedFile(path)).without(["left"])
    with MaskedFile(path, patches) as file, zipfile.ZipFile(file) as other:
        assert {name: other.read(name) for name in other.namelist()} == {
            "m/kept": b"kept",
            "m/left": b"",
            "m/last": b"last",
        }
    with MaskedFile(path, patches) as file:
        assert b"secret" not in file.read()
    with zipfile.ZipFile(path) as untouched:
        assert untouched.read("m/left") == b"secret" * 9
