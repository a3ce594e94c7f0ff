"""Hashes: of one file its own, of several over names and hashes, compared again where it is opened."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from replay.checkpoints import fingerprint
from replay.checkpoints.fingerprint import checkpoint_file, combined_sha256, file_sha256, verify_files
from replay.errors import CheckpointError, CorruptCheckpoint


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "a.bin"
    made.write_bytes(b"abc" * 1_000_000)
    return made


def test_the_hash_is_sha256_of_the_bytes(path: Path) -> None:
    assert file_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert checkpoint_file(path).size == 3_000_000


def test_several_files_hash_by_name_order_and_content(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).write_bytes(name.encode())
    x, y = checkpoint_file(tmp_path / "x"), checkpoint_file(tmp_path / "y")
    lines = f"x\0{hashlib.sha256(b'x').hexdigest()}\ny\0{hashlib.sha256(b'y').hexdigest()}\n"
    assert combined_sha256([x, y]) == hashlib.sha256(lines.encode()).hexdigest()
    assert combined_sha256([y, x]) != combined_sha256([x, y])
    assert combined_sha256([x]) == x.sha256


def test_an_untouched_file_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = checkpoint_file(path)
    verify_files("prod", [file])
    monkeypatch.setattr(fingerprint, "file_sha256", lambda _: pytest.fail("read again"))
    verify_files("prod", [file])


def test_a_swapped_file_is_corrupt_even_after_it_was_verified(path: Path) -> None:
    file = checkpoint_file(path)
    verify_files("prod", [file])
    other = path.with_name("other")
    other.write_bytes(b"abd" * 1_000_000)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    with pytest.raises(CorruptCheckpoint, match=f"'prod': .*was swapped: its sha256 is .* it was {file.sha256}"):
        verify_files("prod", [file])


def test_a_swapped_link_is_corrupt(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    file = checkpoint_file(link)
    verify_files("prod", [file])
    (tmp_path / "evil").write_bytes(b"evil")
    link.unlink()
    link.symlink_to(tmp_path / "evil")
    with pytest.raises(CorruptCheckpoint, match="was swapped"):
        verify_files("prod", [file])


def test_a_file_that_is_gone_is_corrupt(path: Path) -> None:
    file = checkpoint_file(path)
    path.unlink()
    with pytest.raises(CorruptCheckpoint, match="is gone on this machine"):
        verify_files("prod", [file])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        file_sha256(tmp_path)
