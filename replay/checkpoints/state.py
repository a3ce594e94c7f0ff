"""Weights into the module that a factory builds: assigned, not copied, so that workers share the file's pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.examine import read_state_dict
from replay.checkpoints.factory import build_module, build_on_meta, find_factory
from replay.config.names import nearest
from replay.errors import CheckpointMismatch

_SHOWN = 10


def open_state(checkpoint: Checkpoint) -> nn.Module:
    """Build the module and give it the file's weights.

    Raises:
        CheckpointMismatch: The factory fails, or parameters are missing, extra or of another shape; all at once.
    """
    factory = find_factory(checkpoint)
    weights = read_state_dict(checkpoint)
    module = build_on_meta(checkpoint, factory)
    if module is not None:
        _assign(checkpoint, module, weights)
        if not _left_on_meta(module):
            return module.eval()
    # It cannot be built without memory, or holds tensors that no file restores: they come from the factory itself.
    module = build_module(checkpoint, factory)
    _assign(checkpoint, module, weights)
    return module.eval()


def _assign(checkpoint: Checkpoint, module: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    expected = module.state_dict()
    tied = _tied_names(module)
    missing = [
        name for name in expected if name not in weights and not any(twin in weights for twin in tied.get(name, ()))
    ]
    extra = [name for name in weights if name not in expected]
    misshaped = [
        f"{name} is {tuple(weights[name].shape)} in the file, {tuple(tensor.shape)} in the module"
        for name, tensor in expected.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    problems = [
        *(f"missing in the file: {name}{_near(name, extra)}" for name in missing[:_SHOWN]),
        *(f"not in the module: {name}" for name in extra[:_SHOWN]),
        *misshaped[:_SHOWN],
    ]
    if problems:
        found = f"{len(missing)} missing, {len(extra)} extra, {len(misshaped)} misshaped"
        raise CheckpointMismatch(
            f"{checkpoint.name}: the weights do not fit what {checkpoint.config.factory!r} builds ({found}):\n  "
            + "\n  ".join(problems)
        )
    given = {name: weights.get(name, _twin(name, tied, weights)) for name in expected}
    module.load_state_dict(given, strict=True, assign=True)


def _tied_names(module: nn.Module) -> dict[str, tuple[str, ...]]:
    """Other names of each parameter that has several."""
    names: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return {name: tuple(group) for group in names.values() if len(group) > 1 for name in group}


def _twin(name: str, tied: Mapping[str, tuple[str, ...]], weights: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
    return next((weights[twin] for twin in tied.get(name, ()) if twin in weights), None)


def _left_on_meta(module: nn.Module) -> bool:
    """Whether a tensor has no memory: buffers that are not saved, or plain attributes."""
    tensors = [*module.parameters(), *module.buffers()]
    for part in module.modules():
        tensors.extend(value for value in vars(part).values() if isinstance(value, torch.Tensor))
    return any(tensor.is_meta for tensor in tensors)


def _near(name: str, candidates: Iterable[str]) -> str:
    near = nearest(name, list(candidates))
    return f" (it has {near})" if near else ""
