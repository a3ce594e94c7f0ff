"""Weights and a factory to a module, without ever copying the weights.

The module is built on the meta device, where tensors have shapes but no memory, and the file's memory-mapped tensors
are assigned in their place. Where the factory cannot work like that, it builds as usual, and its own tensors go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.contents import dtype_name
from replay.checkpoints.modules.factory import Factory
from replay.checkpoints.modules.meta_tensors import MetaTensors
from replay.checkpoints.prefixes import shared_prefixes, strip_wrappers
from replay.checkpoints.recipes.materialized_weights import read_state_dict
from replay.checkpoints.scorers.calling import Arguments, bind, refuse_unfit
from replay.checkpoints.scorers.scorer import OpenedModel, last_words
from replay.checkpoints.sharing.mapped_weights import worth_sharing
from replay.checkpoints.sharing.private_cache import opening_lock, release_memory
from replay.config.messages.wording import suggestion
from replay.config.names import nearest
from replay.config.sections.model.contract import ModelConfig
from replay.errors import CheckpointMismatch

_MOST_SHOWN = 10


def open_weights(checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
    """Open a state dict or safetensors with the config's factory.

    Raises:
        CheckpointMismatch: The factory fails, or its module does not have the file's parameters.
    """
    module, notes = build_module(checkpoint)
    refuse_unfit(Arguments.of(module.forward), model, checkpoint.name)
    return OpenedModel(bind(module.eval().to(device), model), device=device, notes=notes)


def build_module(checkpoint: Checkpoint) -> tuple[nn.Module, tuple[str, ...]]:
    """Build the factory's module with the file's weights in it.

    Returns:
        The module, and notes about parameters whose type differs.

    Raises:
        CheckpointMismatch: The factory fails, or its module does not have the file's parameters.
    """
    factory = Factory(checkpoint)
    state = read_state_dict(checkpoint)
    return _build_without_memory(factory, state, checkpoint) or _build_as_usual(factory, state, checkpoint)


def _build_without_memory(
    factory: Factory, state: Mapping[str, torch.Tensor], checkpoint: Checkpoint
) -> tuple[nn.Module, tuple[str, ...]] | None:
    """Build on the meta device; None where the factory fails there, or something in the module stays there."""
    made = MetaTensors()
    try:
        with torch.device("meta"), made:
            module = factory.call()
    except (Exception, SystemExit):  # building as usual tells whether it is the factory's fault
        return None
    if not isinstance(module, nn.Module):
        return None
    notes = assign(module, state, checkpoint)
    left = any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))
    return None if left or made.any_left() else (module, notes)


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
        Notes about a prefix that all names have in the file alone, and is left out, and about parameters whose type
        differs; the file's type is kept.

    Raises:
        CheckpointMismatch: Parameters are missing, unknown or have another shape; all of them at once.
    """
    module.requires_grad_(False)
    own = module.state_dict(keep_vars=True)
    complete, note = _named_alike(own, state)
    notes = (*note, *_dtype_notes(own, complete))
    try:
        module.load_state_dict(complete, strict=True, assign=True)
    except (RuntimeError, TypeError, ValueError, KeyError) as error:
        raise CheckpointMismatch(_misfit_message(own, complete, checkpoint, error)) from error
    return notes


def _named_alike(
    own: Mapping[str, Any], state: Mapping[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """The file's tensors under the module's names, and a note where those are others; as they are where none fit."""
    complete = {**state, **_tied(own, state)}
    if _fits(own, complete):
        return complete, ()
    for prefix in shared_prefixes(state):
        short = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        renamed = {**short, **_tied(own, short)}
        if _fits(own, renamed):
            note = f"all names in the file begin with `{prefix}`, which the factory's module has not: it is left out"
            return renamed, (f"{note}, as `prefix: {prefix}` would say",)
    # What wrappers put in front was left out when the file was read, but the factory may build a wrapped module.
    wrapped = strip_wrappers({name: name for name in own}, "the factory's module")
    renamed = {wrapped.get(name, name): tensor for name, tensor in complete.items()}
    return (renamed if _fits(own, renamed) else complete), ()


def _fits(own: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> bool:
    """Whether names and shapes are the module's."""
    return own.keys() == state.keys() and all(
        not isinstance(value, torch.Tensor) or value.shape == state[name].shape for name, value in own.items()
    )


def _prefix_hint(own: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> list[str]:
    """What to write where the file holds the module's parameters under a prefix, beside others."""
    prefixes = dict.fromkeys(prefix for name in state for prefix in shared_prefixes([name]))
    found = [prefix for prefix in prefixes if own and all(f"{prefix}{name}" in state for name in own)]
    return [f"  all of them are in the file under `{found[0]}`: give `prefix: {found[0]}`"] if found else []


def _tied(own: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the file leaves out because the module shares it under another name."""
    present = {id(own[name]): tensor for name, tensor in state.items() if name in own}
    return {name: present[id(value)] for name, value in own.items() if name not in state and id(value) in present}


def _misfit_message(
    own: Mapping[str, Any], state: Mapping[str, torch.Tensor], checkpoint: Checkpoint, error: BaseException
) -> str:
    """Say which parameters are missing, unknown or misshaped.

    Args:
        own: The module's state dict.
        state: The file's.
        checkpoint: Where they come from.
        error: What torch said; used where names and shapes all fit.
    """
    missing = [name for name in own if name not in state]
    extra = [name for name in state if name not in own]
    misshaped = [
        f"`{name}`: the file has {tuple(state[name].shape)}, the module {tuple(value.shape)}"
        for name, value in own.items()
        if name in state and isinstance(value, torch.Tensor) and value.shape != state[name].shape
    ]
    parts = [
        *_misfit_part("the file lacks", [f"`{name}`{suggestion(nearest(name, extra))}" for name in missing]),
        *_misfit_part("the module has no", [f"`{name}`{suggestion(nearest(name, missing))}" for name in extra]),
        *_misfit_part("other shapes:", misshaped),
    ]
    if not parts:
        parts = [f"  {last_words(error)}"]
    return "\n".join(
        (
            f"checkpoint {checkpoint.name!r}: the weights in {checkpoint.path} do not fit the module that factory "
            f"{checkpoint.config.factory} builds",
            *parts,
            *_prefix_hint(own, state),
            "  check the factory's `kwargs`, or `weights`, which says where in the file they are",
        )
    )


def _misfit_part(title: str, entries: Sequence[str]) -> list[str]:
    if not entries:
        return []
    count = f" ({len(entries)})" if len(entries) > 1 else ""
    more = [f"    and {len(entries) - _MOST_SHOWN} more"] if len(entries) > _MOST_SHOWN else []
    return [f"  {title}{count}", *(f"    {entry}" for entry in entries[:_MOST_SHOWN]), *more]


def _dtype_notes(own: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> tuple[str, ...]:
    """Say where the file holds parameters in another type than the factory builds them in.

    >>> _dtype_notes({"w": torch.zeros(2)}, {"w": torch.zeros(2, dtype=torch.bfloat16)})
    ('the file holds 1 tensor as bfloat16 that the factory builds as float32 (`w`): the file is followed',)
    """
    found: Counter[tuple[torch.dtype, torch.dtype]] = Counter()
    example: dict[tuple[torch.dtype, torch.dtype], str] = {}
    for name, tensor in state.items():
        value = own.get(name)
        if isinstance(value, torch.Tensor) and value.dtype != tensor.dtype:
            found[tensor.dtype, value.dtype] += 1
            example.setdefault((tensor.dtype, value.dtype), name)
    return tuple(
        f"the file holds {count} tensor{'s' if count > 1 else ''} as {dtype_name(held)} that the factory builds as "
        f"{dtype_name(built)} (`{example[held, built]}`{', ...' if count > 1 else ''}): the file is followed"
        for (held, built), count in found.items()
    )
