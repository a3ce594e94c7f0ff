"""Entries of an archive: known by their whole names, checked by what they are, and all of them used."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from replay.checkpoints.safety.archives import Archive
from replay.checkpoints.safety.entries import EntryKind, known_entries, refuse_unused
from replay.checkpoints.safety.storages import MappedFile
from replay.errors import UnsafeCheckpoint
from tests.checkpoints.samples import write_entries

NAMES = {r"data\.pkl": EntryKind.PICKLE, r"data/\d+": EntryKind.STORAGE, r"extra/.+": EntryKind.ASIDE}


def archive(folder: Path, **entries: bytes) -> Archive:
    path = folder / "archive"
    write_entries(
        path, {f"top/{name.replace('__', '/').replace('_dot_', '.')}": data for name, data in entries.items()}
    )
    return Archive(MappedFile(path))


def test_every_entry_has_a_kind(tmp_path: Path) -> None:
    found = archive(tmp_path, data_dot_pkl=b"N.", data__0=b"1234", version=b"3\n", extra__note=b"a note", data__=b"")
    assert known_entries(found, NAMES) == {
        "data.pkl": EntryKind.PICKLE,
        "data/0": EntryKind.STORAGE,
        "version": EntryKind.STAMP,
        "extra/note": EntryKind.ASIDE,
        "data/": EntryKind.FOLDER,
    }


@pytest.mark.parametrize("name", ["data_dot_pkl2", "xdata_dot_pkl", "data__0x", "data__0__1", "other", "versions"])
def test_a_name_that_only_begins_or_ends_so_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeCheckpoint, match="which torch does not write there"):
        known_entries(archive(tmp_path, **{name: b"1"}), NAMES)


@pytest.mark.parametrize("content", [b"two words", b"3\n\n", b"x" * 100, pickle.dumps({}), b"\x80"])
def test_a_stamp_is_one_word(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnsafeCheckpoint, match="expected a word or a number"):
        known_entries(archive(tmp_path, version=content), NAMES)


@pytest.mark.parametrize("content", [pickle.dumps({"a": 1}), pickle.dumps(Path("x"), 0), b"PK\x03\x04 and more"])
def test_a_file_of_the_users_hides_no_pickle_and_no_archive(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnsafeCheckpoint, match="hides a pickle or an archive"):
        known_entries(archive(tmp_path, extra__note=content), NAMES)


def test_bytes_of_no_tensor_are_refused(tmp_path: Path) -> None:
    found = archive(tmp_path, data__0=b"1234", data__1=b"5678")
    kinds = known_entries(found, NAMES)
    refuse_unused(found, kinds, ["data/0", "data/1"])
    with pytest.raises(UnsafeCheckpoint, match="no tensor of the archive is made of data/1"):
        refuse_unused(found, kinds, ["data/0"])
