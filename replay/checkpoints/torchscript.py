"""TorchScript archives."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import torch

from replay.checkpoints.calling import argument_problem, bind
from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.scorer import ModuleScorer, Scorer
from replay.checkpoints.sharing import one_at_a_time, share
from replay.config.model import ModelConfig
from replay.errors import CheckpointMismatch


def open_torchscript(checkpoint: Checkpoint, model: ModelConfig, device: str, fingerprint: str) -> Scorer:
    """Open a TorchScript archive.

    Raises:
        CheckpointMismatch: forward() takes other arguments than the config gives.
    """
    with one_at_a_time(checkpoint.sha256) as directory:
        with warnings.catch_warnings():
            # torch advises torch.export for what is written anew; what exists is read all the same.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            module: Any = torch.jit.load(checkpoint.path, map_location="cpu")  # type: ignore[no-untyped-call]
            module.eval()
        tensors = dict(itertools.chain(module.named_parameters(), module.named_buffers()))
        share(tensors, f"{checkpoint.sha256}-script", directory)
    arguments = module.forward.schema.arguments[1:]
    names = [argument.name for argument in arguments]
    problem = argument_problem(model, names, [one.name for one in arguments if not one.has_default_value()])
    if problem is not None:
        raise CheckpointMismatch(f"{checkpoint.name}: {problem}")
    module.to(device)
    return ModuleScorer(checkpoint.name, fingerprint, bind(module, model), model.output, device)
