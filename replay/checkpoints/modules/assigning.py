"""Weights and a factory to a module, without ever copying the weights.

The module is built on the meta device, where tensors have shapes but no memory, and the file's memory-mapped tensors
are assigned in their place. Where the factory cannot work like that, it builds as usual, and its own tensors go.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.contents import SavedExtras
from replay.checkpoints.modules.casting import Types, cast_problems, cast_weights, types_of
from replay.checkpoints.modules.factory import Factory
from replay.checkpoints.modules.fitting import fit_names
from replay.checkpoints.modules.meta_tensors import MetaTensors
from replay.checkpoints.modules.misfits import misfit_message, unread_states
from replay.checkpoints.recipes.materialized_weights import SavedWeights, read_weights
from replay.checkpoints.scorers.calling import Arguments, bind, refuse_unfit
from replay.checkpoints.scorers.scorer import OpenedModel
from replay.checkpoints.sharing.mapped_weights import worth_sharing
from replay.checkpoints.sharing.memory import release_memory
from replay.config.sections.model.contract import ModelConfig
from replay.errors import CheckpointMismatch
from replay.files.private_cache import opening_lock


def open_weights(checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
    """Open a state dict or safetensors with the config's factory.

    Raises:
        CheckpointMismatch: The factory fails, or its module does not have the file's parameters.
    """
    module, notes = build_module(checkpoint)
    refuse_unfit(Arguments.of(module.forward), model, checkpoint.name)
    floating = {each.dtype for each in module.parameters() if each.dtype.is_floating_point}
    coarsest = max(floating, key=lambda each: torch.finfo(each).eps, default=torch.float32)
    return OpenedModel(bind(module.eval().to(device), model), device=device, notes=notes, precision=coarsest)


def build_module(checkpoint: Checkpoint) -> tuple[nn.Module, tuple[str, ...]]:
    """Build the factory's module with the file's weights in it, in the types that the factory builds it in.

    Returns:
        The module, and notes about what was left out or cast.

    Raises:
        CheckpointMismatch: The factory fails, or its module does not have the file's parameters.
    """
    factory = Factory(checkpoint)
    built = _build_without_memory(factory, checkpoint) or _build_as_usual(factory, checkpoint)
    module, types, notes = built
    return module, (*notes, *cast_weights(module, types, checkpoint))


_Built = tuple[nn.Module, Types, tuple[str, ...]]
"""A module with a file's weights in it, the types that it was built in, and notes."""


def _build_without_memory(factory: Factory, checkpoint: Checkpoint) -> _Built | None:
    """Build on the meta device; None where the factory fails there, or something in the module stays there."""
    made = MetaTensors()
    try:
        with torch.device("meta"), made:
            module = factory.call()
    except (Exception, SystemExit):  # building as usual tells whether it is the factory's fault
        return None
    if not isinstance(module, nn.Module):
        return None
    assigned = assign(module, read_weights(checkpoint), checkpoint)
    left = any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))
    return None if left or made.any_left() else (module, *assigned)


def _build_as_usual(factory: Factory, checkpoint: Checkpoint) -> _Built:
    saved = read_weights(checkpoint)  # anew: a module that migrates older weights may have written to those read before
    # What the file does not hold (a random constant) must at least be the same in every worker.
    with opening_lock(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = factory.build()
        assigned = assign(module, saved, checkpoint)
        if worth_sharing(checkpoint):
            release_memory()
    return (module, *assigned)


def assign(module: nn.Module, saved: SavedWeights, checkpoint: Checkpoint) -> tuple[Types, tuple[str, ...]]:
    """Put a file's tensors in the place of a module's own.

    Args:
        module: Any; its parameters stop requiring gradients.
        saved: The file's tensors by name, and what lies beside them. A tensor that the module ties to a present one may
            be missing.
        checkpoint: For messages.

    Returns:
        The types that the module was built in, where it still has the file's; and notes about what was left out.

    Raises:
        CheckpointMismatch: Parameters are missing, unknown or have another shape; all of them at once. Or several sets
            of weights fit.
    """
    _without_gradients(module)
    own = module.state_dict(keep_vars=True)
    constant, kept = _without_constants(module, own, saved.tensors)
    what = f"checkpoint {checkpoint.name!r}: {checkpoint.path}"
    fitted = fit_names(own, kept, saved.extras, checkpoint.config.prefix, what)
    states = fitted.extras.states
    if any(cast_problems(own, fitted.tensors)) or unread_states(own, states):
        raise CheckpointMismatch(misfit_message(own, fitted.tensors, states, checkpoint))
    types = types_of(own)
    try:
        module.load_state_dict(_state_dict(own, fitted.tensors, fitted.extras), strict=True, assign=True)
    except (RuntimeError, TypeError, ValueError, KeyError) as error:
        raise CheckpointMismatch(misfit_message(own, fitted.tensors, states, checkpoint, error)) from error
    _without_gradients(module)  # those of a lazy module are known only now
    unused = [name for name in states if name not in own]
    notes = [f"extra state that the module does not take: {', '.join(unused)}"] if unused else []
    return types, (*fitted.notes, *constant, *notes)


def _without_gradients(module: nn.Module) -> None:
    for parameter in module.parameters():
        if not is_lazy(parameter):
            parameter.requires_grad_(False)


def _state_dict(
    own: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], extras: SavedExtras
) -> OrderedDict[str, Any]:
    """What ``load_state_dict`` is given: with the versions of modules, by which they migrate what older code saved."""
    complete: OrderedDict[str, Any] = OrderedDict(tensors)
    complete.update({name: value for name, value in extras.states.items() if name in own})
    metadata = getattr(own, "_metadata", None) if extras.as_installed else OrderedDict(extras.modules)
    if metadata:
        complete._metadata = metadata  # type: ignore[attr-defined]
    return complete


def _without_constants(
    module: nn.Module, own: Mapping[str, Any], saved: Mapping[str, torch.Tensor]
) -> tuple[list[str], dict[str, torch.Tensor]]:
    """A file's tensors without the buffers that the module no longer saves, where they are as it builds them."""
    constants = {name: value for name, value in module.named_buffers() if name not in own and name in saved}
    equal = [name for name, value in constants.items() if value.is_meta or _is_same(value, saved[name])]
    notes = [f"set aside, as the module builds the same values itself: {', '.join(equal)}"] if equal else []
    return notes, {name: tensor for name, tensor in saved.items() if name not in equal}


def _is_same(built: torch.Tensor, held: torch.Tensor) -> bool:
    return built.shape == held.shape and torch.equal(built, held.to(built.dtype))
