"""Copies under the hash of what they hold: whole or not there, made once, never taken for another one."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from replay.files import copies, private_cache
from replay.files.copies import Content, OtherContentError, Writer, adopt, find_copy, make_copy, scratch_file
from replay.files.private_cache import opening_lock
from replay.files.process_directory import process_directory


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(private_cache, "_kept", {})
    return tmp_path


def content(name: str, data: bytes) -> Content:
    return Content(name, hashlib.sha256(data).hexdigest(), len(data))


FILES = {"model.index.json": b"{}", "deep/part-1": b"one", "empty": b""}
CONTENTS = [content(name, data) for name, data in FILES.items()]


def fill(one: Content, target: Writer) -> None:
    target.write(FILES[one.name])


def test_a_copy_is_made_once():
    assert find_copy(CONTENTS) is None
    folder = make_copy(CONTENTS, fill)
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES

    def never(one: Content, target: Writer) -> None:
        raise AssertionError("fetched twice")

    assert make_copy(list(reversed(CONTENTS)), never) == folder == find_copy(CONTENTS)
    assert find_copy(CONTENTS[:1]) is None


def test_what_came_must_be_what_was_expected(temporary: Path):
    def other(one: Content, target: Writer) -> None:
        target.write(b"12345"[: one.size])

    with pytest.raises(OtherContentError) as raised:
        make_copy(CONTENTS, other)
    assert raised.value.content == CONTENTS[0]
    assert find_copy(CONTENTS) is None
    assert [file for file in temporary.rglob("*") if file.is_dir() and file.name.startswith("tmp")] == []


def test_one_that_is_not_whole_is_made_again():
    folder = make_copy(CONTENTS, fill)
    (folder / "deep" / "part-1").unlink()
    assert find_copy(CONTENTS) is None
    assert make_copy(CONTENTS, fill) == folder
    assert (folder / "deep" / "part-1").read_bytes() == b"one"


def test_files_that_are_here_are_linked():
    with scratch_file() as file:
        file.write_bytes(b"weights")
        folder = adopt([(content("w.pt", b"weights"), file), (content("a/again", b"weights"), file)])
        assert (folder / "w.pt").stat().st_ino == file.stat().st_ino
    assert not file.exists()
    assert (folder / "a/again").read_bytes() == b"weights"
    assert adopt([(content("a/again", b"weights"), file), (content("w.pt", b"weights"), file)]) == folder


def test_a_link_that_cannot_be_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuses(*_: object) -> None:
        raise OSError("another file system")

    monkeypatch.setattr(copies.os, "link", refuses)
    (tmp_path / "w").write_bytes(b"weights")
    assert (adopt([(content("w.pt", b"weights"), tmp_path / "w")]) / "w.pt").read_bytes() == b"weights"


def test_threads_wait_for_the_one_that_makes_it():
    made = []

    def slow(one: Content, target: Writer) -> None:
        made.append(one.name)
        fill(one, target)

    threads = [threading.Thread(target=make_copy, args=(CONTENTS, slow)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(FILES)


def test_nobody_waits_for_who_opens_a_model():
    """Who opens one may need a copy meanwhile: of code at a URL."""
    with opening_lock():
        folder = make_copy(CONTENTS, fill)
        assert adopt([(one, folder / one.name) for one in CONTENTS]) == folder


def test_without_a_private_directory_a_process_has_copies_of_its_own(temporary: Path):
    (temporary / f"replay-{os.getuid()}").write_text("a file in its place")
    copies._own_directory.cache_clear()
    folder = make_copy(CONTENTS, fill)
    assert folder.is_relative_to(process_directory())
    assert find_copy(CONTENTS) == folder
