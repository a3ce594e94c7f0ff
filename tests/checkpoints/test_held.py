"""A file that is put in the place of another one while that is opened."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from replay.checkpoints import held
from replay.checkpoints.examine import examine
from replay.checkpoints.held import held_files, name_of
from replay.checkpoints.inspection import inspect_checkpoint
from replay.checkpoints.open import open_scorer
from replay.config.sections.checkpoints import CheckpointConfig
from tests.checkpoints.models import FORMATS, config_for, contract, examined, ranker, rows, save

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system has no names for open files")

Swap = Callable[[Path, Path], None]


@pytest.fixture
def swap(monkeypatch: pytest.MonkeyPatch) -> Swap:
    """As soon as a file has been opened, another one lies under its name."""

    def swap(path: Path, other: Path) -> None:
        real = os.open

        def opening(opened: str, *flags: int) -> int:
            handle = real(opened, *flags)
            if opened == str(path) and other.exists():
                other.replace(path)
            return handle

        monkeypatch.setattr(held.os, "open", opening)

    return swap


def single_file(form: str, tmp_path: Path) -> tuple[Path, Path]:
    """Two models of a format, in a file each; of one in several files the first that is no index."""
    paths = []
    for number in range(2):
        model = ranker()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1.0 + number)
        (tmp_path / str(number)).mkdir()
        paths.append(save(form, model, tmp_path / str(number) / "file"))
    if not all(path.is_file() for path in paths) or len(list((tmp_path / "0").iterdir())) > 1:
        pytest.skip("several files")
    return paths[0], paths[1]


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_verified_is_what_is_scored(form: str, tmp_path: Path, swap: Swap):
    path, other = single_file(form, tmp_path)
    batch = rows(5)
    checkpoint = examined(path, **config_for(form))
    expected = open_scorer(checkpoint, contract("dense", "ids")).score(batch)
    others = open_scorer(examined(other, **config_for(form)), contract("dense", "ids")).score(batch)
    assert not torch.equal(expected, others)

    swap(path, other)
    found = open_scorer(checkpoint, contract("dense", "ids")).score(batch)
    assert not other.exists()
    assert torch.equal(found, expected)


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_hashed_is_what_is_examined(form: str, tmp_path: Path, swap: Swap):
    path, other = single_file(form, tmp_path)
    expected = examined(path, **config_for(form))
    other.write_bytes(b"nothing that anyone opens")

    swap(path, other)
    assert examined(path, **config_for(form)) == expected
    assert path.read_bytes() == b"nothing that anyone opens"


def test_what_is_inspected_is_one_file(tmp_path: Path, swap: Swap):
    torch.save({"a": torch.zeros(3)}, tmp_path / "good.pt")
    shutil.copy(tmp_path / "good.pt", tmp_path / "copy.pt")
    expected = inspect_checkpoint(str(tmp_path / "copy.pt"))
    (tmp_path / "bad.pt").write_bytes(b"x" * 100)

    swap(tmp_path / "good.pt", tmp_path / "bad.pt")
    found = inspect_checkpoint(str(tmp_path / "good.pt"))
    assert (found.verdict, found.sha256, found.tensors) == ("safe", expected.sha256, expected.tensors)


def test_a_shard_is_held_too(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    with held_files([tmp_path / "a"]), held_files([tmp_path / "b", tmp_path / "a", tmp_path / "absent"]):
        for name in ("a", "b"):
            (tmp_path / name).unlink()
            assert Path(name_of(tmp_path / name)).read_text() == name
        assert name_of(tmp_path / "absent") == str(tmp_path / "absent")
    assert name_of(tmp_path / "a") == str(tmp_path / "a")


def test_no_file_stays_open(tmp_path: Path):
    torch.save({"a": torch.zeros(3)}, tmp_path / "a.pt")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        examine(CheckpointConfig(path=str(tmp_path / "a.pt")), "a")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
