"""Open an examined checkpoint into a scorer."""

from __future__ import annotations

import hashlib
import json

import torch

from replay.checkpoints.calling import bind, check_forward
from replay.checkpoints.checkpoint import Checkpoint, Format
from replay.checkpoints.examine import verify_unchanged
from replay.checkpoints.exported import open_exported
from replay.checkpoints.onnx_model import open_onnx
from replay.checkpoints.scorer import ModuleScorer, Scorer
from replay.checkpoints.state import open_state
from replay.checkpoints.torchscript import open_torchscript
from replay.config.model import ModelConfig
from replay.errors import CheckpointMismatch, CorruptCheckpoint, ReplayError, UnsafeCheckpoint

_OPENERS = {Format.TORCH_EXPORT: open_exported, Format.TORCHSCRIPT: open_torchscript, Format.ONNX: open_onnx}


def open_scorer(checkpoint: Checkpoint, model: ModelConfig, device: str = "cpu") -> Scorer:
    """Open a checkpoint, in evaluation mode.

    Args:
        checkpoint: As examined. Its hash is compared again: what was examined is what is opened.
        model: The model's contract: how forward() is called, and which output is the score.
        device: ``cpu`` or ``cuda:N``.

    Raises:
        CorruptCheckpoint: The file changed since it was examined, or its library cannot read it.
        CheckpointMismatch: It does not fit its factory, or forward() takes other arguments than the config gives.
        UnsafeCheckpoint: It is a pickled module, and that was not allowed.
    """
    verify_unchanged(checkpoint)
    fingerprint = scorer_fingerprint(checkpoint, model, device)
    try:
        if checkpoint.format in _OPENERS:
            return _OPENERS[checkpoint.format](checkpoint, model, device, fingerprint)
        module = _open_pickled(checkpoint) if checkpoint.format is Format.PICKLED_MODULE else open_state(checkpoint)
    except ReplayError:
        raise
    except (RuntimeError, OSError, ValueError, KeyError, AttributeError, ImportError, EOFError) as error:
        raise CorruptCheckpoint(
            f"{checkpoint.name}: {checkpoint.path} cannot be opened as {checkpoint.format} by torch "
            f"{torch.__version__}: {type(error).__name__}: {error}"
        ) from error
    check_forward(checkpoint.name, module.forward, model)
    module.to(device)
    return ModuleScorer(checkpoint.name, fingerprint, bind(module, model), model.output, device)


def scorer_fingerprint(checkpoint: Checkpoint, model: ModelConfig, device: str) -> str:
    """Stand for all that decides what a scorer answers, and where it runs."""
    entry = checkpoint.config.model_dump(mode="json", include={"factory", "kwargs", "weights"})
    contract = model.model_dump(mode="json", include={"call", "output", "inputs"})
    text = json.dumps(
        [checkpoint.name, checkpoint.sha256, entry, contract, device, checkpoint.base_dir], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _open_pickled(checkpoint: Checkpoint) -> torch.nn.Module:
    if not checkpoint.allow_pickle:
        raise UnsafeCheckpoint(
            f"{checkpoint.name}: {checkpoint.path} is a pickled module: opening it runs its code; save a state dict or "
            "torch.export it, or give --allow-pickle if you trust it"
        )
    module = torch.load(checkpoint.path, map_location="cpu", weights_only=False)
    if not isinstance(module, torch.nn.Module):
        raise CheckpointMismatch(
            f"{checkpoint.name}: the pickle holds a {type(module).__name__}, expected a torch module"
        )
    return module.eval()
