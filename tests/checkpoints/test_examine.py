"""examine(): one answer for every format, and one clear refusal for everything else."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.examine import examine, read_state_dict, verify_unchanged
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from tests.checkpoints.samples import Tower, save_export, save_legacy, save_script, tower


def save_module(path: Path) -> None:
    torch.save(tower(), path)


def save_module_legacy(path: Path) -> None:
    save_legacy(tower(), path)


MAKERS: dict[str, Any] = {
    "torch.export": save_export,
    "torchscript": save_script,
    "state_dict": lambda path: torch.save(tower().state_dict(), path),
    "safetensors": lambda path: safetensors.torch.save_file(tower().state_dict(), path),
    "pickled_module": save_module,
}


def look(path: Path, *, allow_pickle: bool = False, allow_non_finite: bool = False, **config: Any) -> Checkpoint:
    return examine(
        CheckpointConfig(path=str(path), **config),
        "prod",
        allow_pickle=allow_pickle,
        allow_non_finite=allow_non_finite,
    )


@pytest.mark.parametrize("format", MAKERS)
def test_every_format_gives_the_same_facts(tmp_path: Path, format: str) -> None:
    path = tmp_path / "model.pt2"
    MAKERS[format](path)
    checkpoint = look(path, allow_pickle=format == "pickled_module")
    assert checkpoint.format == format
    assert checkpoint.name == "prod"
    assert checkpoint.path == str(path)
    assert checkpoint.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert checkpoint.files[0].size == path.stat().st_size
    assert checkpoint.parameters == 10 * 4 + 4 + 1 + 3
    assert checkpoint.parameters_by_dtype == {"float32": 48}
    assert {info.name: info.shape for info in checkpoint.tensors} == {
        name: tuple(tensor.shape) for name, tensor in tower().state_dict().items()
    }
    assert pickle.loads(pickle.dumps(checkpoint)) == checkpoint
    found = read_state_dict(checkpoint)
    assert all(torch.equal(found[name], tensor) for name, tensor in tower().state_dict().items())


@pytest.mark.parametrize("save", [save_module, save_module_legacy])
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code:UserWarning")
def test_a_pickled_module_needs_leave(tmp_path: Path, save: Any) -> None:
    path = tmp_path / "module.pt"
    save(path)
    name = f"{Tower.__module__}.Tower"
    with pytest.raises(UnsafeCheckpoint, match=rf"a whole pickled module \({name}\).*--allow-pickle"):
        look(path)
    checkpoint = look(path, allow_pickle=True)
    assert checkpoint.executes[0] == f"pickled class {name} via --allow-pickle"
    assert "import of torch.nn.modules.linear.Linear" in checkpoint.executes


def test_leave_for_pickles_is_no_leave_for_commands(tmp_path: Path) -> None:
    model = tower()
    model.hook = Command(tmp_path / "canary")  # type: ignore[assignment]
    path = tmp_path / "module.pt"
    torch.save(model, path)
    with pytest.raises(UnsafeCheckpoint, match=r"posix\.mkdir"):
        look(path, allow_pickle=True)
    assert not (tmp_path / "canary").exists()


class Command:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pinned_hash_must_hold(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": torch.ones(1)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert look(path, sha256=digest).sha256 == digest
    with pytest.raises(CorruptCheckpoint, match=f"has sha256 {digest}, the config pins {'0' * 64}"):
        look(path, sha256="0" * 64)


def test_nan_and_inf_are_refused_with_names_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    bad = torch.tensor([1.0, float("nan"), float("inf")])
    torch.save({"a.weight": bad, "fine": torch.ones(2), "b": bad[:2]}, path)
    with pytest.raises(CheckpointError, match=r"2 of 3 tensors: a\.weight \(2 of 3\), b \(1 of 2\).*--allow-non"):
        look(path)
    assert look(path, allow_non_finite=True).non_finite == (("a.weight", 2), ("b", 1))


def test_relative_paths_start_at_the_config(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "model.pt")
    checkpoint = examine(CheckpointConfig(path="model.pt"), "prod", base_dir=str(tmp_path))
    assert checkpoint.path == str(tmp_path / "model.pt")
    assert checkpoint.base_dir == str(tmp_path)
    assert examine(CheckpointConfig(path=f"file://{tmp_path}/model.pt"), "prod").sha256 == checkpoint.sha256


def test_a_file_that_changed_since_is_refused_where_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": torch.ones(1)}, path)
    checkpoint = look(path)
    verify_unchanged(checkpoint)
    torch.save({"w": torch.zeros(1)}, path)
    with pytest.raises(CorruptCheckpoint, match="was swapped"):
        verify_unchanged(checkpoint)


def test_a_model_of_another_library_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02csklearn.linear_model._logistic\nLogisticRegression\n)\x81}b.")
    with pytest.raises(CheckpointError, match=r"a pickled sklearn\.linear_model.*convert it to ONNX"):
        look(path)
