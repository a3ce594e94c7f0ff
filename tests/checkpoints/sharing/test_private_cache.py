"""What processes share on a machine: private, locked, bounded."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from replay.checkpoints.sharing import private_cache
from replay.checkpoints.sharing.private_cache import (
    opening_lock,
    private_directory,
    prune,
    publish,
    release_memory,
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


def resident() -> int:
    """Bytes of this process in memory, without pages of files: those come in whenever they are touched."""
    _, pages, of_files, *_ = map(int, Path("/proc/self/statm").read_text().split())
    return (pages - of_files) * os.sysconf("SC_PAGE_SIZE")


def free_and_release(sizes: Connection) -> None:
    gc.disable()
    cycle: list[object] = [bytearray(b"x" * 50_000) for _ in range(2000)]  # small enough for the heap, not its end
    cycle.append(cycle)
    end = bytearray(b"x" * 50_000)
    full = resident()
    del cycle
    freed = resident()
    release_memory()
    sizes.send((full, freed, resident(), len(end)))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library has no malloc_trim")
def test_memory_that_was_freed_is_given_back() -> None:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=free_and_release, args=(theirs,))
    process.start()
    full, freed, released, _ = ours.recv()
    process.join()
    assert full - freed < 10e6  # garbage in a cycle, below what is still in use
    assert freed - released > 90e6
