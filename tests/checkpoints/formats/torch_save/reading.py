"""Files of torch.save, looked at and read; and tensors compared bit by bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.examine import examine, read_state_dict
from replay.config.sections.checkpoints import CheckpointConfig


def read(path: Path, **config: Any) -> dict[str, torch.Tensor]:
    return read_state_dict(look(path, **config))


def look(path: Path, **config: Any) -> Checkpoint:
    return examine(CheckpointConfig(path=str(path), **config), "prod", allow_non_finite=True)


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].shape == tensor.shape, name
        assert bits(found[name]) == bits(tensor), name


def bits(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.contiguous().reshape(-1).view(torch.uint8).tolist())
