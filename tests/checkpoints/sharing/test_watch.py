"""A file that is overwritten under its mapping is noticed; one that is replaced or deleted is no harm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from replay.checkpoints.sharing import watch
from replay.checkpoints.sharing.watch import FileWatch
from replay.errors import CorruptCheckpoint
from tests.checkpoints.models import opened, ranker, rows, save


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(watch, "_SECONDS", 0.0)
    (tmp_path / "weights").write_bytes(b"abcd")
    return tmp_path / "weights"


def test_an_untouched_file(file: Path) -> None:
    watched = FileWatch("prod", [str(file)])
    file.read_bytes()
    watched.check()


@pytest.mark.parametrize("content", [b"abce", b"abcde", b"a"])
def test_overwritten_in_place(content: bytes, file: Path) -> None:
    watched = FileWatch("prod", [str(file)])
    with file.open("r+b") as handle:
        handle.write(content)
        handle.truncate()
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    with pytest.raises(CorruptCheckpoint, match=r"'prod'.*was overwritten.*rename it into place"):
        watched.check()


def test_replaced_or_deleted(file: Path) -> None:
    watched = FileWatch("prod", [str(file)])
    new = file.with_name("new")
    new.write_bytes(b"other")
    new.rename(file)
    watched.check()
    file.unlink()
    watched.check()


def test_it_looks_once_a_second(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_SECONDS", 3600.0)
    watched = FileWatch("prod", [str(file)])
    file.write_bytes(b"longer than before")
    watched.check()


def test_a_scorer_refuses_to_go_on(file: Path) -> None:
    path = save("state_dict", ranker(), file.with_name("m.pt"))
    scorer = opened(path, factory="tests.checkpoints.models:build")
    scorer.score(rows(3))
    os.utime(path, ns=(0, 0))
    with pytest.raises(CorruptCheckpoint):
        scorer.score(rows(3))
