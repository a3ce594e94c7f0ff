"""Examine a checkpoint without running any of it."""

from __future__ import annotations

import torch

from replay.checkpoints.checkpoint import Checkpoint, CheckpointFile, Format, Signature, TensorInfo, TensorSpec
from replay.config.checkpoints import CheckpointConfig

__all__ = [
    "Checkpoint",
    "CheckpointFile",
    "Format",
    "Signature",
    "TensorInfo",
    "TensorSpec",
    "examine",
    "read_state_dict",
    "verify_unchanged",
]


def examine(
    config: CheckpointConfig,
    name: str,
    *,
    base_dir: str = "",
    allow_pickle: bool = False,
    allow_non_finite: bool = False,
) -> Checkpoint:
    """Say all that is known of a checkpoint without running any of it."""
    raise NotImplementedError


def read_state_dict(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """Read the weights, memory-mapped."""
    raise NotImplementedError


def verify_unchanged(checkpoint: Checkpoint) -> None:
    """Compare the hash again where the checkpoint is opened."""
    raise NotImplementedError
