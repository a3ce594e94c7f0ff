"""Weights in the types that the factory builds the module in, whatever types the file holds them in.

A tensor of the module's own type stays mapped from the file. One that is cast is made once a machine where it is
large: every process maps the same bytes (see ``sharing``).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.contents import dtype_name
from replay.checkpoints.sharing.mapped_weights import share_weights
from replay.files.private_cache import opening_lock

Types = Mapping[str, torch.dtype]
"""Of a module's tensors, by name."""


def types_of(own: Mapping[str, Any]) -> Types:
    """Types of the tensors of a state dict.

    Args:
        own: The module's ``state_dict(keep_vars=True)``.
    """
    return {name: value.dtype for name, value in own.items() if isinstance(value, torch.Tensor)}


def cast_problems(own: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> Iterator[str]:
    """What cannot be cast to the module's type without another meaning: the name, and why.

    Args:
        own: The module's ``state_dict(keep_vars=True)``.
        state: The file's tensors, by the module's names.
    """
    for name, value in own.items():
        held = state.get(name)
        if not isinstance(value, torch.Tensor) or held is None or held.dtype == value.dtype:
            continue
        reason = _reason(held, value, parameter=isinstance(value, nn.Parameter))
        if reason:
            yield f"`{name}`: the file has {dtype_name(held.dtype)}, the module {dtype_name(value.dtype)}: {reason}"


def _reason(held: torch.Tensor, value: torch.Tensor, *, parameter: bool) -> str:
    if held.dtype.is_complex and not value.dtype.is_complex:
        return "its imaginary part would be lost"
    if _is_whole(held.dtype) and parameter and not _is_whole(value.dtype):
        return "whole numbers in place of weights are quantized: dequantize them and save them as floats"
    if _is_whole(value.dtype):
        cast = held.to(value.dtype)
        if not torch.equal(cast.to(held.dtype), held):
            return "it does not hold all of the values"
    return ""


def _is_whole(dtype: torch.dtype) -> bool:
    return not dtype.is_floating_point and not dtype.is_complex


def cast_weights(module: nn.Module, types: Types, checkpoint: Checkpoint) -> tuple[str, ...]:
    """Cast what a module was given to the types that it was built in.

    Args:
        module: Its tensors are the file's; whatever else refers to them follows.
        types: What it was built in.
        checkpoint: The file.

    Returns:
        What was cast, in words.
    """
    tensors = {
        name: tensor
        for name, tensor in module.state_dict(keep_vars=True).items()
        if isinstance(tensor, torch.Tensor) and tensor.dtype != types.get(name, tensor.dtype)
    }
    if not tensors:
        return ()
    notes = tuple(_notes(tensors, types))
    given = hashlib.sha256(repr((checkpoint.config.weights, checkpoint.config.prefix, notes)).encode()).hexdigest()
    with opening_lock() as directory:  # one process at a time holds copies of its own
        for name, tensor in tensors.items():
            if tensor.dtype != types[name]:  # a tied one is cast under its first name
                tensor.data = tensor.data.to(types[name])
        share_weights(tensors.values(), checkpoint, directory, f"-cast-{given[:16]}")
    return notes


def _notes(tensors: Mapping[str, torch.Tensor], types: Types) -> Iterator[str]:
    kinds = {name: (tensor.dtype, types[name]) for name, tensor in tensors.items()}
    for (held, built), count in Counter(kinds.values()).items():
        example = next(name for name, kind in kinds.items() if kind == (held, built))
        rounded = ", which rounds" if _rounds(held, built) else ""
        yield (
            f"the file holds {count} tensor{'s' if count > 1 else ''} as {dtype_name(held)} that the factory builds as "
            f"{dtype_name(built)} (`{example}`{', ...' if count > 1 else ''}): cast to {dtype_name(built)}{rounded}"
        )


def _rounds(held: torch.dtype, built: torch.dtype) -> bool:
    """Whether floats lose digits or range."""
    if not held.is_floating_point or not built.is_floating_point:
        return False
    before, after = torch.finfo(held), torch.finfo(built)
    return bool(after.eps > before.eps or after.max < before.max)
