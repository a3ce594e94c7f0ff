"""What of a file does not fit a module, and what that looks like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from replay.checkpoints.modules.misfits import misfit_message, unread_states
from replay.checkpoints.safety.placeholders import Unreadable, placeholder_class
from replay.errors import CheckpointMismatch
from tests.checkpoints.models import contract, examined, opened

MODULE = __name__


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 1))


def build_parametrized() -> nn.Module:
    return nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 1)))


def refused(state: dict[str, Any], tmp_path: Path, factory: str = "build") -> str:
    torch.save(state, tmp_path / "m.pt")
    with pytest.raises(CheckpointMismatch) as caught:
        opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:{factory}")
    return str(caught.value)


def test_adapters_that_were_not_merged(tmp_path: Path) -> None:
    state = build().state_dict()
    named = {"0.base_layer.weight": state["0.weight"], "0.base_layer.bias": state["0.bias"]}
    adapters = {"0.lora_A.default.weight": torch.zeros(2, 3), "0.lora_B.default.weight": torch.zeros(1, 2)}
    assert "the file looks like that of adapters (LoRA) that were not merged" in refused(
        {**named, **adapters}, tmp_path
    )


@pytest.mark.parametrize("apply", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm])
def test_a_parametrized_module_in_the_file(apply: Any, tmp_path: Path) -> None:
    model = nn.Sequential(apply(nn.Linear(3, 1)))
    assert "the file looks like that of a parametrized module" in refused(model.state_dict(), tmp_path)
    name = "weight"
    nn.utils.parametrize.remove_parametrizations(model[0], name)
    torch.save(model.state_dict(), tmp_path / "removed.pt")  # the advice that is given
    x = torch.randn(4, 3)
    scorer = opened(tmp_path / "removed.pt", contract("x"), factory=f"{MODULE}:build")
    torch.testing.assert_close(scorer.score({"x": x}), model(x).detach().reshape(4))


def test_a_parametrized_module_of_the_factory(tmp_path: Path) -> None:
    message = refused(build().state_dict(), tmp_path, "build_parametrized")
    assert "the factory's module has a parametrized module" in message


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_quantized_layers(tmp_path: Path) -> None:
    model = torch.ao.quantization.quantize_dynamic(build(), dtype=torch.qint8)
    message = refused(model.state_dict(), tmp_path)
    assert "the file looks like that of quantized layers" in message


def test_what_the_module_takes_back_and_is_not_read() -> None:
    own = {"a._extra_state": None, "b._extra_state": None, "c._extra_state": None}
    states = {"a._extra_state": placeholder_class("my.State")(), "b._extra_state": {}, "d": placeholder_class("x.Y")()}
    assert list(unread_states(own, {**states, "c._extra_state": Unreadable("sparse")})) == [
        "a._extra_state",
        "c._extra_state",
    ]


def test_what_torch_said_is_told_where_nothing_else_is_found(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(1)}, tmp_path / "m.pt")
    checkpoint = examined(tmp_path / "m.pt", factory=f"{MODULE}:build")
    own = {"w": nn.Parameter(torch.zeros(1))}
    assert "  KeyError: 'w'\n" in misfit_message(own, {"w": torch.zeros(1)}, {}, checkpoint, KeyError("w"))
