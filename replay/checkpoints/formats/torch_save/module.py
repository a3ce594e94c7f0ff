"""A whole module in a pickle: loading it runs whatever the file says, so only with the user's explicit consent."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import torch
from torch import nn

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.format import FORMATS
from replay.checkpoints.formats.torchscript.internals import quiet_deprecation
from replay.checkpoints.held import name_of
from replay.checkpoints.modules.factory import note_classes
from replay.checkpoints.modules.replacing import replace_weights
from replay.checkpoints.scorers.calling import Arguments, bind, refuse_unfit
from replay.checkpoints.scorers.output import describe_answer
from replay.checkpoints.scorers.scorer import OpenedModel, last_words
from replay.checkpoints.sharing.mapped_weights import module_tensors, share_weights
from replay.config.sections.model.contract import ModelConfig
from replay.config.user_code import calling_code
from replay.errors import CheckpointMismatch, UnsafeCheckpoint
from replay.files.private_cache import opening_lock


def open_pickled(checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
    """Open a pickled module.

    Raises:
        UnsafeCheckpoint: The user did not allow it.
        CheckpointMismatch: It does not unpickle here, holds no module, or forward() does not take what the config
            gives.
    """
    if not checkpoint.allow_pickle:
        raise UnsafeCheckpoint(
            f"checkpoint {checkpoint.name!r}: {checkpoint.path} is a pickled module, and loading it runs code from the "
            "file: save its state dict and give a `factory`, or pass --allow-pickle if you trust where it comes from"
        )
    place = FORMATS[checkpoint.format].own_code(checkpoint)
    assert place is not None
    with opening_lock() as cache, calling_code(place), quiet_deprecation():
        module = _module(_load(checkpoint), checkpoint).eval().requires_grad_(False).to(device)
        note_classes(place, module)
        own = replace_weights(module, module_tensors(module), checkpoint, cache)
        if device == "cpu":
            share_weights(own, checkpoint, cache)
    scripted = isinstance(module, torch.jit.ScriptModule)
    refuse_unfit((Arguments.of_script if scripted else Arguments.of)(module.forward), model, checkpoint.name)
    return OpenedModel(bind(module, model), device=device)


def _load(checkpoint: Checkpoint) -> Any:
    try:
        with warnings.catch_warnings():
            # Modules saved whole by an older torch carry their source, which may differ from what is installed.
            warnings.filterwarnings("ignore", category=torch.serialization.SourceChangeWarning)
            return torch.load(name_of(checkpoint.path), map_location="cpu", weights_only=False)
    except (ImportError, AttributeError, pickle.UnpicklingError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointMismatch(
            f"checkpoint {checkpoint.name!r}: {checkpoint.path} does not unpickle here: {last_words(error)}\n"
            "  its classes must be importable under the names that they were saved with (a class of a notebook or "
            "script is saved as `__main__.Name`): install the package, put the module beside the config, or save a "
            "state dict and give a `factory`"
        ) from error


def _module(loaded: Any, checkpoint: Checkpoint) -> nn.Module:
    if isinstance(loaded, nn.Module):
        return loaded
    raise CheckpointMismatch(
        f"checkpoint {checkpoint.name!r}: {checkpoint.path} holds {describe_answer(loaded)}, expected a "
        "torch.nn.Module: save the module, or its state dict"
    )
