"""The weights of one mapping, or of one pickled module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from replay.checkpoints.examine import examine
from replay.checkpoints.formats.torch_save.state_dicts import named_tensors, pickled_tensors
from replay.checkpoints.safety.placeholders import Mapping, Unreadable, placeholder_class
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError, CorruptCheckpoint


def test_what_is_no_tensor_is_told_apart() -> None:
    found = Mapping({"w": torch.zeros(1), "a._extra_state": {"n": 1}, 3: torch.zeros(1), "epoch": 2})
    found.metadata = {"": {"version": 2, "by": placeholder_class("a.B")()}, "a": {"version": 3}, 5: {}}
    named = named_tensors(found, "file")
    assert list(named.tensors) == ["w"]
    assert named.extras.states == {"a._extra_state": {"n": 1}}
    assert named.extras.modules == {"a": {"version": 3}}
    assert list(named.others) == [3, "epoch"]


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("sparse", "save it dense (`.to_dense()`)"),
        ("quantized", "save it dense (`.dequantize()`)"),
        ("torch.distributed.tensor.DTensor", "it is one rank's share: save whole tensors"),
        ("a.B", "save it as a plain"),
    ],
)
def test_tensors_that_are_not_read_come_with_advice(kind: str, advice: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        named_tensors({"w": Unreadable(kind)}, "file")
    assert f"'w' is a {kind} tensor, expected a plain dense one; {advice}" in str(caught.value)


def test_a_module_says_no_versions() -> None:
    assert named_tensors(module({}, w=torch.zeros(1)), "file").extras.as_installed


def module(children: dict[str, Any], **tensors: torch.Tensor) -> Any:
    made = placeholder_class("my.Module")()
    made.__setstate__({"_parameters": tensors, "_buffers": {}, "_modules": children})
    return made


def test_modules_that_contain_themselves_are_corrupt() -> None:
    loop = module({})
    loop.state["_modules"]["self"] = loop
    with pytest.raises(CorruptCheckpoint, match="nested deeper than 64"):
        pickled_tensors(loop, "file")


def test_modules_that_share_children_without_end_are_corrupt() -> None:
    current = module({})
    for _ in range(40):
        current = module({"a": current, "b": current})
    with pytest.raises(CorruptCheckpoint, match="contain each other"):
        pickled_tensors(current, "file")


def test_buffers_that_are_not_saved_are_left_out(tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    model.register_buffer("kept", torch.ones(1))
    model.register_buffer("passing", torch.ones(1), persistent=False)
    path = tmp_path / "module.pt"
    torch.save(model, path)
    checkpoint = examine(CheckpointConfig(path=str(path)), "x", allow_pickle=True)
    assert {info.name for info in checkpoint.tensors} == set(model.state_dict())
