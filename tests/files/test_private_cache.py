"""What processes share on a machine: private, locked, bounded."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from replay.files import private_cache
from replay.files.private_cache import (
    keep,
    locked,
    opening_lock,
    private_directory,
    prune,
    prune_when_free,
    publish,
    touch,
)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def test_it_belongs_to_the_user_alone() -> None:
    directory = private_directory()
    assert directory is not None
    assert directory.stat().st_mode & 0o777 == 0o700
    assert private_directory() == directory


def test_one_that_others_may_write_to_is_not_used(temporary: Path) -> None:
    directory = private_directory()
    assert directory is not None
    directory.chmod(0o777)
    assert private_directory() is None
    with opening_lock() as locked:
        assert locked is None


def test_one_that_someone_else_made_is_not_used(temporary: Path) -> None:
    theirs = temporary / "theirs"
    theirs.mkdir(mode=0o700)
    (temporary / f"replay-{os.getuid()}").symlink_to(theirs)
    assert private_directory() is None


def test_no_temporary_directory_is_no_error(temporary: Path) -> None:
    (temporary / f"replay-{os.getuid()}").write_text("a file in its place")
    with opening_lock() as locked:
        assert locked is None


def hold(path: str) -> None:
    os.environ["TMPDIR"] = path
    with opening_lock(), Path(path, "log").open("a") as log:
        log.write("in\n")
        log.flush()
        time.sleep(0.05)
        log.write("out\n")


def test_one_process_at_a_time(temporary: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=hold, args=(str(temporary),)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (temporary / "log").read_text().split() == ["in", "out"] * 4


def test_entries_appear_whole_and_the_least_recently_used_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_cache, "_MOST_BYTES", 0)
    with opening_lock() as directory:
        assert directory is not None
        for number in range(10):
            made = directory / "made"
            made.mkdir()
            (made / "weights").write_text(str(number))
            entry = publish(directory, f"entry_{number}", made)
            os.utime(entry, (number, number))
            assert not made.exists()
        touch(directory / "entry_2")
        (directory / "file").write_text("a file is an entry too")
        prune(directory)
        names = sorted(entry.name for entry in directory.iterdir())
    assert names == [*(f"entry_{number}" for number in (2, 4, 5, 6, 7, 8, 9)), "file", "opening.lock"]


def test_an_entry_of_the_same_name_is_replaced() -> None:
    with opening_lock() as directory:
        assert directory is not None
        for content in ("old", "new"):
            made = directory / "made"
            made.write_text(content)
            publish(directory, "entry", made)
        assert (directory / "entry").read_text() == "new"


def test_what_a_process_keeps_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_cache, "_KEPT_ENTRIES", 0)
    monkeypatch.setattr(private_cache, "_MOST_BYTES", 0)
    monkeypatch.setattr(private_cache, "_kept", kept := {})
    with opening_lock() as directory:
        assert directory is not None
        for name in ("kept", "other"):
            (directory / name).mkdir()
            (directory / name / "weights").write_text("1")
        assert (keep(directory / "kept"), keep(directory / "nothing")) == (True, False)
        with locked(directory, "beside"):
            prune(directory)
        assert sorted(entry.name for entry in directory.iterdir()) == ["beside.lock", "kept", "opening.lock"]
        for handle in kept.values():
            os.close(handle)
        prune_when_free(directory)  # it is not
        assert (directory / "kept").exists()
    prune_when_free(directory)
    assert not (directory / "kept").exists()


def test_what_a_killed_process_did_not_finish_goes() -> None:
    directory = private_directory()
    assert directory is not None
    long_ago = time.time() - 3600
    for name in ("tmpfile", "tmpdirectory/weights", "tmpgrowing/weights", "tmpnew", "copy-of-something"):
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text("half")
        os.utime(directory / name, (long_ago, long_ago))
    for name in ("tmpdirectory", "tmpgrowing"):
        os.utime(directory / name, (long_ago, long_ago))
    for name in ("tmpgrowing/weights", "tmpnew"):
        os.utime(directory / name)
    with opening_lock():
        left = sorted(entry.name for entry in directory.iterdir() if entry.name != "opening.lock")
    assert left == ["copy-of-something", "tmpgrowing", "tmpnew"]
