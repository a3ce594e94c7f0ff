"""Derived checkpoints, and what they score."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from replay.checkpoints import derive, open_scorer
from replay.checkpoints.checkpoint import Checkpoint
from replay.config.sections.checkpoints import DerivedConfig
from tests.checkpoints.models import config_for, contract, examined, ranker, rows, save

REPLACEABLE = ("torch.export", "torchscript", "state_dict", "safetensors", "pickled_module")


def derived(source: Checkpoint, name: str = "other", seed: int = 0, **config: Any) -> Checkpoint:
    made = DerivedConfig.model_validate({"from": source.name, **config})
    return derive(made, name, {source.name: source}, seed)


def scores(checkpoint: Checkpoint) -> torch.Tensor:
    return open_scorer(checkpoint, contract()).score(rows(50))


def altered_file(
    form: str, model: nn.Module, alter: Callable[[str, torch.Tensor], torch.Tensor], folder: Path
) -> Checkpoint:
    """A file of the same format whose weights were altered by plain torch before it was saved."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for name, tensor in [*other.named_parameters(), *other.named_buffers()]:
            tensor.copy_(alter(name, tensor.clone()))
    return examined(save(form, other, folder / "altered"), **config_for(form))


def ones_and_a_half(path: Path) -> Path:
    """Weights whose exponent is one bit short of that of Inf and NaN."""
    state = ranker().state_dict()
    state["hidden.weight"].fill_(1.5)
    torch.save(state, path)
    return path
