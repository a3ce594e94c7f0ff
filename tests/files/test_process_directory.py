"""A process's own directory: private, there as long as anyone uses it, and gone after that."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay.files import process_directory as directories

_PROCESS = """
import subprocess, sys
from replay.files.process_directory import held_locks, process_directory
path = process_directory()
(path / "blockmgr-1").mkdir()
(path / "spark.log").write_text("words")
child = sys.argv[1:] and subprocess.Popen(["sleep", "1000"], stdout=-3, pass_fds=held_locks())
print(path, child.pid if child else 0, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The system's directory of temporary files, of this test alone, with a space in its name."""
    place = tmp_path / "of this test"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(directories, "_made", {})
    yield place
    for made in directories._made.values():
        os.close(made.lock)


def start(*arguments: str) -> tuple[subprocess.Popen[str], Path, int | None]:
    """A process with a directory; with an argument, also with a child that uses it."""
    command = [sys.executable, "-c", _PROCESS, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    path, _, child = process.stdout.readline().strip().rpartition(" ")
    return process, Path(path), int(child) or None


def end(process: subprocess.Popen[str], *, killed: bool) -> None:
    if killed:
        process.kill()
    process.communicate()


def soon(reached: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.02)
    return reached()


def test_it_is_private_and_has_a_name_of_its_own(temporary: Path) -> None:
    path = directories.process_directory()
    assert path.parent == temporary
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert directories.process_directory() == path
    assert str(os.getpid()) not in path.name


def test_it_is_gone_when_its_process_ends(temporary: Path) -> None:
    process, path, _ = start()
    assert path.parent == temporary
    end(process, killed=False)
    assert not path.exists()


def test_what_a_killed_process_left_goes_with_the_next_one(temporary: Path) -> None:
    process, path, _ = start()
    directories.process_directory()
    directories.sweep()
    assert path.exists()
    end(process, killed=True)
    assert (path / "blockmgr-1").exists()
    directories.sweep()
    assert not path.exists()
    assert directories.process_directory().exists()


def test_a_child_that_lives_keeps_it(temporary: Path) -> None:
    """As a JVM does, whose Python was killed: it still writes."""
    process, path, child = start("with a child")
    assert child is not None
    end(process, killed=True)
    directories.process_directory()
    directories.sweep()
    assert path.exists()
    directories.remove_when_left(path, 0.2)
    assert path.exists()
    os.kill(child, signal.SIGKILL)
    directories.remove_when_left(path, 10)
    assert soon(lambda: not path.exists())


def test_a_file_that_an_error_names_stays_for_a_day(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = directories.process_directory()
    (path / "spark.log").write_text("words")
    (path / "blockmgr-1").mkdir()
    directories.keep("spark.log")
    directories.remove_own()
    assert sorted(each.name for each in path.iterdir()) == ["kept", "spark.log"]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 25 * 3600)
    directories.sweep()
    assert not path.exists()


def test_nothing_else_is_removed(temporary: Path, tmp_path: Path) -> None:
    """Not what is being made, not what a link leads to, not what only looks alike."""
    unmade, elsewhere = temporary / "replay-process-unmade", tmp_path / "elsewhere"
    for each in (unmade, elsewhere, temporary / "replay-process.mine"):
        each.mkdir()
    (elsewhere / "lock").touch()
    (temporary / "replay-process-link").symlink_to(elsewhere)
    (temporary / "replay-process-file").touch()
    before = sorted(temporary.iterdir())
    own = directories.process_directory()
    directories.sweep()
    assert sorted(temporary.iterdir()) == sorted([*before, own])
    assert (elsewhere / "lock").exists()
    long_ago = time.time() - 3600
    os.utime(unmade, (long_ago, long_ago))
    directories.sweep()
    assert not unmade.exists()


def test_a_fork_has_none_and_removes_none(temporary: Path) -> None:
    path = directories.process_directory()
    child = os.fork()
    if child == 0:
        directories.remove_own(os.getppid())
        os._exit(0 if directories.process_directory() != path else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert path.exists()


def test_a_directory_of_this_process_is_known_by_its_path(temporary: Path, tmp_path: Path) -> None:
    mine = directories.process_directory(str(tmp_path))
    assert directories.own_directory(str(mine)) == mine
    assert directories.own_directory(str(tmp_path)) == directories.process_directory()
    assert directories.own_directory("") == directories.process_directory()


def test_another_place_may_be_given_and_must_be_there(temporary: Path, tmp_path: Path) -> None:
    assert directories.process_directory(str(tmp_path)).parent == tmp_path
    with pytest.raises(FileNotFoundError):
        directories.process_directory(str(tmp_path / "none"))
