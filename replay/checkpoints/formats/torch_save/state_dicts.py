"""The weights of one mapping, or of one pickled module, and what belongs to the module beside its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch

from replay.checkpoints.contents import SavedExtras
from replay.checkpoints.formats.torch_save.plain import NotPlainError, plain_data
from replay.checkpoints.safety.numpy_arrays import array_tensor
from replay.checkpoints.safety.placeholders import Mapping as ReadMapping
from replay.checkpoints.safety.placeholders import Placeholder, Unreadable, brief
from replay.errors import CheckpointError, CorruptCheckpoint

EXTRA_STATE: Final = "_extra_state"
"""Last part of the name of what a module saves by ``get_extra_state()``."""
_MAX_DEPTH: Final = 64
_MAX_MODULES: Final = 1 << 18


@dataclass(frozen=True)
class NamedTensors:
    """What a mapping or module holds.

    Attributes:
        tensors: By name, as in the file.
        extras: What modules take back beside tensors.
        buffers: Names known to be buffers.
        others: Entries that are neither, by key.
    """

    tensors: dict[str, torch.Tensor]
    extras: SavedExtras
    buffers: frozenset[str]
    others: Mapping[Any, Any]


def is_module(value: Any) -> bool:
    """Whether a placeholder stands for a pickled ``nn.Module``."""
    state = value.state if isinstance(value, Placeholder) else None
    return isinstance(state, dict) and all(
        isinstance(state.get(kind), dict) for kind in ("_parameters", "_buffers", "_modules")
    )


def label(key: Any) -> str:
    """A key of an untrusted file for a message."""
    return key[:80] if isinstance(key, str) else brief(key)


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor, of a kind that is read or not."""
    return isinstance(value, torch.Tensor | Unreadable) or (
        isinstance(value, Placeholder) and array_tensor(value) is not None
    )


def as_mapping(value: Any) -> Mapping[Any, Any] | None:
    """Keys and values of a dict, or of an object of another class that was filled like one; None for all else."""
    if isinstance(value, dict):
        return value
    return value.items if isinstance(value, Placeholder) and value.items else None


def named_tensors(found: Any, place: str) -> NamedTensors:
    """Take the tensors out of a mapping or a pickled module.

    Args:
        found: The state dict.
        place: The file, for messages.

    Raises:
        CheckpointError: One is of a kind that is not read.
    """
    if is_module(found):
        tensors, buffers = pickled_tensors(found, place)
        return NamedTensors(tensors, SavedExtras(as_installed=True), frozenset(buffers), {})
    tensors = {}
    states: dict[str, object] = {}
    others: dict[Any, Any] = {}
    for key, value in (as_mapping(found) or {}).items():
        tensor = value if isinstance(value, torch.Tensor) else array_tensor(value)
        if isinstance(value, Unreadable):
            raise CheckpointError(
                f"{place}: {key!r} is a {value.kind} tensor, expected a plain dense one; {value.advice}"
            )
        if isinstance(key, str) and tensor is not None:
            tensors[key] = tensor
        elif isinstance(key, str) and key.rpartition(".")[2] == EXTRA_STATE:
            states[key] = _extra_state(value)
        else:
            others[key] = value
    return NamedTensors(tensors, SavedExtras(states, _saved_of_modules(found)), frozenset(), others)


def _extra_state(value: object) -> object:
    """As plain data; where it is not, the object of the class that is not read."""
    try:
        return plain_data(value)
    except NotPlainError as problem:
        return problem.found


def _saved_of_modules(found: Any) -> dict[str, dict[str, object]]:
    """What the state dict says of each module, by its path: the version that it was saved in."""
    metadata = found.metadata if isinstance(found, ReadMapping) else None
    modules = {}
    for path, saved in (metadata or {}).items():
        if isinstance(path, str) and isinstance(saved, dict):
            try:
                modules[path] = {str(key): plain_data(value) for key, value in saved.items()}
            except NotPlainError:
                continue
    return modules


def pickled_tensors(module: Placeholder, place: str) -> tuple[dict[str, torch.Tensor], set[str]]:
    """State dict of a pickled module, from the attributes that its placeholder was given.

    Args:
        module: For which ``is_module`` holds.
        place: The file, for messages.

    Returns:
        Parameters and persistent buffers by name, and the names of the buffers.
    """
    tensors: dict[str, torch.Tensor] = {}
    buffers: set[str] = set()
    pending: list[tuple[str, Any, int]] = [("", module, 0)]
    visits = 0
    while pending:
        prefix, current, depth = pending.pop()
        visits += 1
        if not is_module(current):
            continue
        if depth > _MAX_DEPTH or visits > _MAX_MODULES:
            raise CorruptCheckpoint(f"{place}: modules are nested deeper than {_MAX_DEPTH}: or contain each other")
        state = current.state
        passing = state.get("_non_persistent_buffers_set")
        passing = passing if isinstance(passing, set) else ()
        for kind in ("_parameters", "_buffers"):
            for name, value in state[kind].items():
                name = label(name)
                if isinstance(value, Unreadable):
                    raise CheckpointError(
                        f"{place}: {prefix}{name} is a {value.kind} tensor, expected a plain dense one; {value.advice}"
                    )
                if isinstance(value, torch.Tensor) and not (kind == "_buffers" and name in passing):
                    tensors[f"{prefix}{name}"] = value
                    buffers.update({f"{prefix}{name}"} if kind == "_buffers" else ())
        children = [(f"{prefix}{label(name)}.", child, depth + 1) for name, child in state["_modules"].items()]
        pending.extend(reversed(children))
    return tensors, buffers
