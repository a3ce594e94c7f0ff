"""Where the weights are in what people save."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from replay.checkpoints.examine import examine
from replay.checkpoints.formats.torch_save.state_dicts import find_state, pickled_tensors
from replay.checkpoints.safety.placeholders import placeholder_class
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointMismatch, CorruptCheckpoint

W = torch.arange(2.0)


def names(root: Any, weights: str | None = None) -> list[str]:
    return sorted(find_state(root, weights, "file").tensors)


@pytest.mark.parametrize(
    "root",
    [
        {"w": W},
        {"state_dict": {"w": W}, "epoch": 3},
        {"model_state_dict": {"w": W}, "optimizer_state_dict": {"m": W}},
        {"model_state": {"w": W}, "step": torch.tensor(3)},
        {"model": {"w": W}, "ema": {"w": W}},
        {"model": {"state_dict": {"w": W}}},
        {"weights": {"w": W}},
        {"trainer": {"inner": {"w": W}}},
        {"net": {"w": W}, "scheduler": {"last": W}},
        {"module": {"w": W}},
        {"only": {"w": W}, "optim": {"m": W}, "rng_state": {"cpu": W}},
    ],
)
def test_weights_are_found_where_training_scripts_put_them(root: Any) -> None:
    assert names(root) == ["w"]


def test_what_lies_beside_the_weights_is_said() -> None:
    state = find_state({"epoch": 3, "model": {"state_dict": {"w": W, "_extra_state": None}, "lr": 0.1}}, None, "file")
    assert state.where == "model.state_dict"
    assert state.set_aside == ("epoch (int)", "model.lr (float)", "model.state_dict._extra_state (NoneType)")


def test_several_candidates_need_a_choice() -> None:
    root = {"query": {"w": W}, "item": {"v": W}}
    with pytest.raises(CheckpointMismatch, match=r"several entries hold tensors \(query, item\); say which"):
        names(root)
    assert names(root, "item") == ["v"]


def test_a_path_may_lead_through_dotted_keys_and_objects() -> None:
    holder = placeholder_class("my_team.Holder")()
    holder.__setstate__({"best": {"w": W}})
    assert names({"a.b": {"c": {"w": W}}}, "a.b.c") == ["w"]
    assert names({"holder": holder}, "holder.best") == ["w"]


def test_a_path_that_leads_nowhere_names_what_is_there() -> None:
    with pytest.raises(CheckpointMismatch, match=r"no 'modle' in dict; found model, epoch\. Did you mean 'model'\?"):
        names({"model": {"w": W}, "epoch": 1}, "modle")


@pytest.mark.parametrize("root", [{}, {"epoch": 1}, [W], W, 3, {"state_dict": {}}])
def test_no_weights_at_all(root: Any) -> None:
    with pytest.raises(CheckpointMismatch, match="no tensors under any key"):
        names(root)


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
