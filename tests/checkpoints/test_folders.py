"""Folders that training libraries write, and whether what is advised works on them."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch import nn

from replay.checkpoints.examine import examine, read_state_dict
from replay.checkpoints.folders import describe_folder
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_a_distributed_checkpoint_is_named_and_the_advice_makes_a_file_of_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    folder = tmp_path / "step 100"
    dcp.save({"model": model.state_dict(), "step": 100}, checkpoint_id=folder, no_dist=True)
    with pytest.raises(CheckpointError, match="found a distributed checkpoint") as caught:
        examine(CheckpointConfig(path=str(folder)), "prod")
    command = shlex.split(str(caught.value).splitlines()[1].partition(";")[0])
    assert command[0] == "python"
    subprocess.run([sys.executable, *command[1:]], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    found = read_state_dict(examine(CheckpointConfig(path=str(tmp_path / "weights.pt")), "prod"))
    assert found.keys() == model.state_dict().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["__0_0.distcp", "__1_0.distcp"], "without its `.metadata`"),
        (["latest", "zero_to_fp32.py"], "a DeepSpeed checkpoint: its own script"),
        (["mp_rank_00_model_states.pt", "zero_pp_rank_0_mp_rank_00_optim_states.pt"], "the shards of a DeepSpeed"),
        (["saved_model.pb"], "a TensorFlow SavedModel"),
        (["pytorch_model.bin.index.json", "pytorch_model-00001-of-00002.bin"], "save them as safetensors"),
        (["latest_checkpointed_iteration.txt"], "Megatron"),
        (["a.pt", "b.ckpt", "notes.txt"], "a folder with a.pt, b.ckpt: give the file"),
        (["notes.txt"], "a folder with notes.txt"),
        ([], "an empty folder"),
    ],
)
def test_folders_are_named_for_what_they_are(names: list[str], words: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert words in describe_folder(tmp_path)


def test_a_folder_around_one_is_named_too(tmp_path: Path) -> None:
    inside = tmp_path / "pytorch_model_fsdp_0"
    inside.mkdir()
    (inside / ".metadata").touch()
    (tmp_path / "scheduler.bin").touch()
    found = describe_folder(tmp_path)
    assert found.startswith("a folder around pytorch_model_fsdp_0, which is a distributed checkpoint")
    assert str(inside) in found
