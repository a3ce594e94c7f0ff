"""N workers must not cost N models: weights are mapped, and processes share the pages."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from replay.checkpoints.sharing import mapped_weights as sharing
from replay.checkpoints.sharing.mapped_weights import module_tensors, share_weights
from replay.files.private_cache import opening_lock
from tests.checkpoints.models import FORMATS, config_for, examined, opened, ranker, rows, save
from tests.checkpoints.samples import save_legacy
from tests.checkpoints.workers import LARGE, LARGE_BYTES, Worker, let_go, together


@pytest.mark.parametrize("form", FORMATS)
def test_two_workers_hold_one_model(form: str, workers: list[Worker], large_file: Callable[[str], Path]) -> None:
    path = large_file(form)
    before, _ = together(workers)
    after, totals = together(workers, path=str(path), config=config_for(form, **LARGE), rows=LARGE["rows"])
    let_go(workers)
    assert len(totals) == 1
    grown = (after - before) / LARGE_BYTES
    assert 0.9 < grown < 1.2, f"two workers grew by {grown:.2f} models"


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory of its own, and a model that counts as large."""
    monkeypatch.setattr(sharing, "MIN_SHARED_BYTES", 1)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def mapped_file(tensor: torch.Tensor) -> str | None:
    """The file that a tensor's memory is mapped from."""
    address = tensor.untyped_storage().data_ptr()
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, *_, name = line.split(maxsplit=5) if line.count(" ") > 5 else (line.split()[0], "")
        low, high = (int(bound, 16) for bound in span.split("-"))
        if low <= address < high:
            return name or None
    return None


def test_weights_are_mapped_from_the_file_itself(large: Path) -> None:
    model = ranker(rows=2000)
    path = save("pickled_module", model, large / "file")
    module = torch.load(path, weights_only=False)
    with opening_lock() as directory:
        share_weights(module_tensors(module), examined(path), directory)
    assert mapped_file(module.table.weight) == str(path)
    assert torch.equal(module.table.weight, model.table.weight)
    assert mapped_file(module.out.bias) != str(path)  # not worth a page


def recompress(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("how", ["compressed", "legacy"])
def test_weights_that_the_file_does_not_hold_as_they_are_get_a_file_of_their_own(how: str, large: Path) -> None:
    model = ranker(rows=2000)
    path = large / "file"
    if how == "legacy":
        save_legacy(model, path)
    else:
        save("pickled_module", model, path)
        recompress(path)
    modules = [torch.load(path, weights_only=False) for _ in range(2)]
    checkpoint = examined(path)
    for module in modules:
        with opening_lock() as directory:
            share_weights(module_tensors(module), checkpoint, directory)
        assert directory is not None
        assert mapped_file(module.table.weight) == str(directory / f"{checkpoint.sha256}-pickled_module.weights")
        assert torch.equal(module.table.weight, model.table.weight)
    assert sorted(entry.name for entry in directory.iterdir()) == [
        f"{checkpoint.sha256}-pickled_module.weights",
        "opening.lock",
    ]
    assert opened(path).score(rows(3)).shape == (3,)


def test_a_damaged_file_of_weights_is_not_believed(large: Path) -> None:
    model = ranker(rows=2000)
    path = large / "file"
    save_legacy(model, path)
    checkpoint = examined(path)
    scores = opened(path).score(rows(3))
    with opening_lock() as directory:
        assert directory is not None
        cached = directory / f"{checkpoint.sha256}-pickled_module.weights"
        cached.write_bytes(bytes(cached.stat().st_size))
    assert torch.equal(opened(path).score(rows(3)), scores)


def test_tensors_that_share_memory_go_on_sharing_it(large: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(2000, 4)
            self.out = nn.Linear(4, 2000, bias=False)
            self.out.weight = self.table.weight
            self.view = self.table.weight.detach()[:7, 1:]

    model = Tied()
    expected = model.view.clone()
    torch.save(model.state_dict(), large / "file")  # any archive with the same bytes
    with opening_lock() as directory:
        share_weights(module_tensors(model), examined(large / "file"), directory)
    assert model.out.weight is model.table.weight
    assert mapped_file(model.table.weight) == str(large / "file")
    assert model.view.untyped_storage().data_ptr() == model.table.weight.untyped_storage().data_ptr()
    assert torch.equal(model.view, expected)


def test_small_models_are_left_alone(tmp_path: Path) -> None:
    path = save("pickled_module", ranker(rows=2000), tmp_path / "file")
    module = torch.load(path, weights_only=False)
    with opening_lock() as directory:
        share_weights(module_tensors(module), examined(path), directory)
    assert mapped_file(module.table.weight) != str(path)
