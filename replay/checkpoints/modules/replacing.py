"""Other tensors in the place of a loaded module's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.recipes.materialized_weights import replacements
from replay.errors import CheckpointMismatch


def replace_weights(
    module: torch.nn.Module, own: Iterable[torch.Tensor], checkpoint: Checkpoint, directory: Path | None
) -> Iterator[torch.Tensor]:
    """Give a module of the structure's file the tensors that the recipe says; does nothing without a recipe.

    Args:
        module: As loaded. Whatever else refers to its parameters follows them.
        own: All its tensors.
        checkpoint: Derived, or not.
        directory: From :func:`~replay.files.private_cache.opening_lock`; the lock must be held.

    Returns:
        Those of its tensors that still are the file's.

    Raises:
        CheckpointMismatch: The module has no parameter or buffer of a name that is replaced.
    """
    tensors = replacements(checkpoint, directory)
    replaced: set[int] = set()
    for name, tensor in tensors.items():
        target = _find(module, name, checkpoint)
        target.data = tensor.to(target.device)
        replaced.add(target.untyped_storage().data_ptr())
    return (tensor for tensor in own if tensor.untyped_storage().data_ptr() not in replaced)


def _find(module: torch.nn.Module, name: str, checkpoint: Checkpoint) -> torch.Tensor:
    found: Any = module
    for part in name.split("."):
        if isinstance(found, list | tuple | dict):  # as TorchScript keeps them
            entries = found if isinstance(found, dict) else dict(enumerate(found))
            found = entries.get(int(part) if part.isdecimal() and part not in entries else part)
        else:
            found = getattr(found, part, None)
    if not isinstance(found, torch.Tensor):
        raise CheckpointMismatch(
            f"checkpoint {checkpoint.name!r}: `{name}` is stored in {checkpoint.path}, but is no parameter or buffer "
            "of the module that it opens to, so it cannot be replaced: leave it out of `params`, or use the model's "
            "state dict with a `factory`"
        )
    return found
