"""Archives: torch's own are read as torch reads them; any that could be read in two ways are refused."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import pytest
import torch

from replay.checkpoints.safety import archives
from replay.checkpoints.safety.archives import Archive
from replay.checkpoints.safety.storages import MappedFile
from replay.errors import CorruptCheckpoint, UnsafeCheckpoint
from tests.checkpoints.samples import read_entries, save_export, save_script, tower, write_entries


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state.pt"
    torch.save(tower().state_dict(), path)
    return path


def opened(path: Path) -> Archive:
    archive = Archive(MappedFile(path))
    archive.check_sums()
    for name in archive.entries:
        archive.read(name)
    return archive


def central_entry(data: bytearray, name: str) -> int:
    """Position of the directory's record of an entry."""
    place = data.rfind(name.encode())
    return data.rfind(b"PK\x01\x02", 0, place)


def test_archives_of_torch_are_read_as_zipfile_reads_them(tmp_path: Path, state: Path) -> None:
    save_script(tmp_path / "script.pt")
    save_export(tmp_path / "export.pt2")
    for path in (state, tmp_path / "script.pt", tmp_path / "export.pt2"):
        archive = opened(path)
        assert {archive.root + name: archive.read(name) for name in archive.entries} == read_entries(path)


def test_archives_without_checksums_are_read(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"a": torch.ones(3)}, path)
    finally:
        torch.serialization.set_crc32_options(before)
    assert opened(path).read("data/0") == torch.ones(3).numpy().tobytes()


def test_archives_beyond_four_gigabytes_say_their_sizes_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "wide.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("state/data.pkl", "w", force_zip64=True) as entry:
        entry.write(b"content")
    assert opened(path).read("data.pkl") == b"content"


def test_stored_entries_share_memory_with_the_file(state: Path) -> None:
    archive = opened(state)
    first, second = archive.storage("data/0"), archive.storage("data/0")
    assert first.data_ptr() == second.data_ptr()
    assert first.nbytes() == archive.entries["data/0"].size


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.99])
def test_a_truncated_archive_is_corrupt(state: Path, share: float) -> None:
    data = state.read_bytes()
    state.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CorruptCheckpoint, match="truncated"):
        opened(state)


def test_a_flipped_byte_of_a_weight_is_corrupt(state: Path) -> None:
    data = bytearray(state.read_bytes())
    data[opened(state).entries["data/0"].start] ^= 1
    state.write_bytes(data)
    with pytest.raises(CorruptCheckpoint, match=r"the checksum of 'state/data/0'"):
        opened(state)


def test_a_wrong_checksum_that_torch_would_pass_over_is_corrupt(state: Path) -> None:
    data = bytearray(state.read_bytes())
    struct.pack_into("<I", data, central_entry(data, "state/data.pkl") + 16, 12345)
    state.write_bytes(data)
    with pytest.raises(CorruptCheckpoint, match="checksum"):
        opened(state)


@pytest.mark.parametrize("flag", [0x1, 0x40])
def test_an_encryption_flag_that_breaks_scanners_is_refused(state: Path, flag: int) -> None:
    data = bytearray(state.read_bytes())
    data[central_entry(data, "state/data.pkl") + 8] |= flag
    state.write_bytes(data)
    with pytest.raises(UnsafeCheckpoint, match="encrypted"):
        opened(state)


@pytest.mark.parametrize(
    ("offset", "layout", "value", "match"),
    [
        (8, "<H", 0, "disagree about"),
        (10, "<H", 8, "disagree about"),
        (10, "<H", 99, "compressed by method 99"),
        (20, "<I", 7, "compressed by method 0"),
    ],
)
def test_a_directory_that_contradicts_the_headers_is_refused(
    state: Path, offset: int, layout: str, value: int, match: str
) -> None:
    data = bytearray(state.read_bytes())
    struct.pack_into(layout, data, central_entry(data, "state/data.pkl") + offset, value)
    state.write_bytes(data)
    with pytest.raises(UnsafeCheckpoint, match=match):
        opened(state)


def test_another_name_in_the_header_is_refused(state: Path) -> None:
    data = bytearray(state.read_bytes())
    place = data.find(b"state/data.pkl")
    data[place : place + 14] = b"state/evil.pkl"
    state.write_bytes(data)
    with pytest.raises(UnsafeCheckpoint, match=r"disagree about b'state/data\.pkl'"):
        opened(state)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/passwd", "a\\..\\evil", "C:/evil", "a/..", "a\x01b"])
def test_names_that_lead_outside_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "archive.zip"
    write_entries(path, {"a/data.pkl": b"", name: b""})
    with pytest.raises(UnsafeCheckpoint, match="path traversal"):
        opened(path)


@pytest.mark.parametrize("name", ["a/data.pkl", "a/DATA.pkl"])
def test_two_entries_of_one_name_are_refused(tmp_path: Path, name: str) -> None:
    """torch looks names up without regard to case."""
    path = tmp_path / "archive.zip"
    write_entries(path, [("a/data.pkl", b"first"), (name, b"second")])
    with pytest.raises(UnsafeCheckpoint, match="is there twice"):
        opened(path)


def test_bytes_before_the_archive_are_refused(tmp_path: Path, state: Path) -> None:
    path = tmp_path / "polyglot.pt"
    path.write_bytes(b"7z\xbc\xaf\x27\x1c" + state.read_bytes())
    with pytest.raises(UnsafeCheckpoint, match="two ways"):
        opened(path)


def test_bytes_before_the_first_entry_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "polyglot.zip"
    path.write_bytes(b"hidden")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("a/data.pkl", b"content")
    with pytest.raises(UnsafeCheckpoint, match="bytes come before its first entry"):
        opened(path)


def test_bytes_after_the_archive_are_refused(state: Path) -> None:
    state.write_bytes(state.read_bytes() + b"hidden")
    with pytest.raises(UnsafeCheckpoint, match="6 bytes follow its end"):
        opened(state)


def test_bytes_between_entries_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "gap.zip"
    first = local_entry("a/x", b"1")
    second = local_entry("a/y", b"2")
    hidden = b"h" * 100
    write_raw(path, first + hidden + second, [("a/x", b"1", 0), ("a/y", b"2", len(first) + len(hidden))])
    with pytest.raises(UnsafeCheckpoint, match="belong to no entry"):
        opened(path)


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    """The second entry lies inside of the first one's content: how one zip bomb works."""
    path = tmp_path / "overlap.zip"
    inner = local_entry("a/y", b"2")
    write_raw(path, local_entry("a/x", inner), [("a/x", inner, 0), ("a/y", b"2", 33)])
    with pytest.raises(UnsafeCheckpoint, match="overlap"):
        opened(path)


def test_an_entry_that_inflates_beyond_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    write_entries(path, {"a/code.py": b"\0" * 1_000_000}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    for place in (data.find(b"PK\x03\x04") + 22, central_entry(data, "a/code.py") + 24):
        struct.pack_into("<I", data, place, 1000)
    path.write_bytes(data)
    with pytest.raises(UnsafeCheckpoint, match="zip bomb"):
        opened(path)


def test_an_entry_that_inflates_beyond_the_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MAX_INFLATED", 1000)
    path = tmp_path / "bomb.zip"
    write_entries(path, {"a/code.py": b"\0" * 1001}, zipfile.ZIP_DEFLATED)
    with pytest.raises(UnsafeCheckpoint, match=r"would inflate to 1,001 bytes \(a zip bomb\)"):
        opened(path)


def test_a_comment_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "comment.zip"
    write_entries(path, {"a/x": b"1"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"PK\x05\x06 hidden"
    with pytest.raises(UnsafeCheckpoint, match="two ways"):
        opened(path)


def test_a_zip64_record_that_contradicts_the_other_is_refused(state: Path) -> None:
    data = bytearray(state.read_bytes())
    place = data.rfind(b"PK\x05\x06")
    struct.pack_into("<H", data, place + 10, 1)
    state.write_bytes(data)
    with pytest.raises(UnsafeCheckpoint, match="two end records disagree"):
        opened(state)


def local_entry(name: str, content: bytes) -> bytes:
    header = struct.pack(
        "<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 0, 0, 33, zlib.crc32(content), len(content), len(content), len(name), 0
    )
    return header + name.encode() + content


def write_raw(path: Path, body: bytes, entries: list[tuple[str, bytes, int]]) -> None:
    directory = b""
    for name, content, offset in entries:
        fields = (
            20,
            20,
            0,
            0,
            0,
            33,
            zlib.crc32(content),
            len(content),
            len(content),
            len(name),
            0,
            0,
            0,
            0,
            0,
            offset,
        )
        directory += struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", *fields) + name.encode()
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    path.write_bytes(body + directory + end)


def test_the_raw_writer_of_these_tests_writes_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plain.zip"
    first = local_entry("a/x", b"1")
    write_raw(path, first + local_entry("a/y", b"2"), [("a/x", b"1", 0), ("a/y", b"2", len(first))])
    assert opened(path).read("y") == b"2"
