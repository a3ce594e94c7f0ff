"""Weights and a factory to a module, without ever copying the weights.

The module is built on the meta device, where tensors have shapes but no memory, and the file's memory-mapped tensors
are assigned in their place. Where the factory cannot work like that, it builds as usual, and its own tensors go.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.formats.factory import Factory
from replay.checkpoints.recipes.materialized_weights import read_state_dict
from replay.checkpoints.scorers.calling import Arguments, bind, refuse_unfit
from replay.checkpoints.scorers.fitting import dtype_notes, misfit_message
from replay.checkpoints.scorers.scorer import OpenedModel
from replay.checkpoints.sharing.mapped_weights import worth_sharing
from replay.checkpoints.sharing.private_cache import opening_lock, release_memory
from replay.config.sections.model import ModelConfig
from replay.errors import CheckpointMismatch


def open_weights(checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
    """Open a state dict or safetensors with the config's factory.

    Raises:
        CheckpointMismatch: The factory fails, or its module does not have the file's parameters.
    """
    factory = Factory(checkpoint)
    state = read_state_dict(checkpoint)
    built = _build_without_memory(factory, state, checkpoint)
    if built is None:
        built = _build_as_usual(factory, state, checkpoint)
    module, notes = built
    refuse_unfit(Arguments.of(module.forward), model, checkpoint.name)
    return OpenedModel(bind(module.eval().to(device), model), device=device, notes=notes)


def _build_without_memory(
    factory: Factory, state: Mapping[str, torch.Tensor], checkpoint: Checkpoint
) -> tuple[nn.Module, tuple[str, ...]] | None:
    """Build on the meta device; None where the factory fails there, or something in the module stays there."""
    witness = _MetaWitness()
    try:
        with torch.device("meta"), witness:
            module = factory.call()
    except (Exception, SystemExit):  # building as usual tells whether it is the factory's fault
        return None
    if not isinstance(module, nn.Module):
        return None
    notes = assign(module, state, checkpoint)
    left = any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))
    return None if left or witness.any_left() else (module, notes)


def _build_as_usual(
    factory: Factory, state: Mapping[str, torch.Tensor], checkpoint: Checkpoint
) -> tuple[nn.Module, tuple[str, ...]]:
    # What the file does not hold (a random constant) must at least be the same in every worker.
    with opening_lock(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = factory.build()
        notes = assign(module, state, checkpoint)
        if worth_sharing(checkpoint):
            release_memory()
    return module, notes


def assign(module: nn.Module, state: Mapping[str, torch.Tensor], checkpoint: Checkpoint) -> tuple[str, ...]:
    """Put a file's tensors in the place of a module's own.

    Args:
        module: Any; its parameters stop requiring gradients.
        state: The file's tensors by name. A tensor that the module ties to a present one may be missing.
        checkpoint: For messages.

    Returns:
        Notes about parameters whose type differs; the file's type is kept.

    Raises:
        CheckpointMismatch: Parameters are missing, unknown or have another shape; all of them at once.
    """
    module.requires_grad_(False)
    own = module.state_dict(keep_vars=True)
    complete = {**state, **_tied(own, state)}
    notes = dtype_notes(own, complete)
    try:
        module.load_state_dict(complete, strict=True, assign=True)
    except (RuntimeError, TypeError, ValueError, KeyError) as error:
        raise CheckpointMismatch(misfit_message(own, complete, checkpoint, error)) from error
    return notes


def _tied(own: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the file leaves out because the module shares it under another name."""
    present = {id(own[name]): tensor for name, tensor in state.items() if name in own}
    return {name: present[id(value)] for name, value in own.items() if name not in state and id(value) in present}


class _MetaWitness(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers every meta tensor that is made, to find those that outlive the assignment of the weights.

    A non-persistent buffer or a constant that forward() uses would have no values.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._made: list[weakref.ref[torch.Tensor]] = []

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for entry in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(entry, torch.Tensor) and entry.is_meta:
                self._made.append(weakref.ref(entry))
        return result

    def any_left(self) -> bool:
        """Whether any of them is still in use."""
        if self._alive():
            gc.collect()
        return self._alive()

    def _alive(self) -> bool:
        return any(reference() is not None for reference in self._made)
