"""Where the weights are in what people save."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from replay.checkpoints.formats.torch_save.search import find_state
from replay.checkpoints.safety.placeholders import Mapping, placeholder_class
from replay.errors import CheckpointMismatch

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
    assert state.set_aside == ("epoch (int)", "model.lr (float)")
    assert state.extras.states == {"_extra_state": None}


def test_several_candidates_need_a_choice() -> None:
    root = {"query": {"w": W}, "item": {"v": W}}
    with pytest.raises(CheckpointMismatch, match=r"several entries hold tensors \(query, item\); say which") as caught:
        names(root)
    assert str(caught.value).splitlines()[1:] == ["  weights: query", "  weights: item"]
    assert names(root, "item") == ["v"]


def test_a_path_may_lead_through_dotted_keys_and_objects() -> None:
    holder = placeholder_class("my_team.Holder")()
    holder.__setstate__({"best": {"w": W}})
    assert names({"a.b": {"c": {"w": W}}}, "a.b.c") == ["w"]
    assert names({"holder": holder}, "holder.best") == ["w"]


def test_a_path_that_leads_nowhere_names_what_is_there() -> None:
    with pytest.raises(CheckpointMismatch, match=r"no `modle` in dict; did you mean `model`\?") as caught:
        names({"model": {"w": W}, "epoch": 1}, "modle")
    assert str(caught.value).splitlines()[1:] == ["  the file holds", "  `weights: model`: 1 tensors, such as w"]


@pytest.mark.parametrize("root", [{}, {"epoch": 1}, [W], W, 3, {"state_dict": {}}])
def test_no_weights_at_all(root: Any) -> None:
    with pytest.raises(CheckpointMismatch, match="no tensors under any key"):
        names(root)


def lightning(version: int = 1) -> Any:
    """As torch.load gives what Lightning saves, with what belongs to the names beside them."""
    named = Mapping({"model.fc.w": W, "model.fc._extra_state": 3, "loss.weight": W, "models.w": W})
    named.metadata = {"": {"version": 1}, "model": {"version": 5}, "model.fc": {"version": version}, "loss": {}}
    return {"state_dict": named, "epoch": 3}


def test_the_last_parts_of_a_path_may_be_a_prefix_of_names() -> None:
    state = find_state(lightning(2), "state_dict.model", "file")
    assert list(state.tensors) == ["fc.w"]
    assert state.where == "state_dict.model"
    assert state.extras.states == {"fc._extra_state": 3}
    assert state.extras.modules == {"": {"version": 5}, "fc": {"version": 2}}
    assert state.set_aside == ("epoch (int)", "state_dict.loss.weight (Tensor)", "state_dict.models.w (Tensor)")
    assert list(find_state(lightning(), "state_dict.model.fc", "file").tensors) == ["w"]


def test_a_path_to_a_wrapper_is_followed() -> None:
    assert names({"best": lightning(), "last": lightning()}, "best") == ["loss.weight", "model.fc.w", "models.w"]


def test_a_path_that_leads_nowhere_lists_all_that_would() -> None:
    with pytest.raises(CheckpointMismatch) as caught:
        names({**lightning(), "optimizer": {"state": {0: {"exp_avg": W}}, "param_groups": []}}, "state_dict.net")
    assert "there is no `net` in dict" in str(caught.value)
    assert str(caught.value).splitlines()[1:] == [
        "  the file holds",
        "  `weights: state_dict`: 3 tensors, such as model.fc.w",
        "  `weights: optimizer.state.0`: 1 tensors, such as exp_avg (of an optimizer)",
    ]


def raw(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))


@pytest.mark.parametrize("key", ["ema", "state_dict_ema", "ema_state_dict", "teacher", "current_model_state"])
@pytest.mark.parametrize("first", ["model", "state_dict", "net", "raw"])
@pytest.mark.parametrize("averaged", [False, True])
def test_two_sets_of_weights_are_never_chosen_between(first: str, key: str, averaged: bool) -> None:
    other = AveragedModel(raw(1)).state_dict() if averaged else raw(1).state_dict()
    root = {first: dict(raw(0).state_dict()), key: dict(other), "epoch": 3}
    with pytest.raises(CheckpointMismatch) as caught:
        names(root)
    found = [line.split("#")[0].strip() for line in str(caught.value).splitlines()[1:]]
    assert found == [f"weights: {first}", f"weights: {key}"]
    assert find_state(root, first, "file").tensors["0.weight"] is root[first]["0.weight"]
    assert list(find_state(root, key, "file").tensors) == list(other)


def test_an_average_of_the_parameters_alone_is_another_set() -> None:
    shadow = {name: tensor.detach().clone() for name, tensor in raw(1).named_parameters()}
    root = {"model": dict(raw(0).state_dict()), "callbacks": {"EMA": {"weights": shadow, "decay": 0.99}}}
    with pytest.raises(CheckpointMismatch, match=r"weights: callbacks\.EMA\.weights  # 4 tensors"):
        names(root)


def test_the_same_tensors_twice_are_one_set() -> None:
    state = dict(raw(0).state_dict())
    assert len(names({"state_dict": state, "best": dict(state)})) == len(state)


def test_weights_of_another_model_are_no_rival() -> None:
    root = {"model": dict(raw(0).state_dict()), "discriminator": dict(nn.Linear(2, 2).state_dict())}
    assert len(names(root)) == len(root["model"])


@pytest.mark.parametrize("path", [(), ("checkpoint",)])
def test_a_file_of_an_optimizer_alone(path: tuple[str, ...], tmp_path: Path) -> None:
    model = raw(0)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(3, 2)).sum().backward()
    optimizer.step()
    root: Any = optimizer.state_dict()
    for key in path:
        root = {key: root}
    with pytest.raises(CheckpointMismatch, match="the state of an optimizer"):
        names(root)


def test_an_optimizer_under_its_own_key_is_said_to_be_one() -> None:
    optimizer = {"state": {0: {"exp_avg": W}}, "param_groups": [{"lr": 0.1}]}
    with pytest.raises(CheckpointMismatch, match=r"`weights: optimizer.state.0`: .* \(of an optimizer\)"):
        names({"optimizer": optimizer, "epoch": 3})
