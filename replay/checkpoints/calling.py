"""Calling conventions: the config's named inputs as forward()'s arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from replay.config.model import ModelConfig
from replay.config.names import nearest
from replay.errors import CheckpointMismatch

Call = Callable[[Mapping[str, torch.Tensor]], Any]


def bind(forward: Callable[..., Any], model: ModelConfig) -> Call:
    """Call forward() as the config says: positional in the order of the inputs, by keyword, or with one dict."""
    names = tuple(entry.name for entry in model.inputs)
    if model.call == "keyword":
        return lambda tensors: forward(**{name: tensors[name] for name in names})
    if model.call == "dict":
        return lambda tensors: forward({name: tensors[name] for name in names})
    return lambda tensors: forward(*(tensors[name] for name in names))


def check_forward(name: str, forward: Callable[..., Any], model: ModelConfig) -> None:
    """Hold a Python forward() against the config.

    Args:
        name: The checkpoint, for messages.
        forward: The module's method, bound.
        model: The model's contract.

    Raises:
        CheckpointMismatch: It takes other arguments.
    """
    parameters = inspect.signature(forward).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters) and model.call == "keyword":
        return
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters) and model.call == "positional":
        return
    takes = [parameter.name for parameter in parameters]
    needed = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    problem = argument_problem(model, takes, needed)
    if problem is not None:
        raise CheckpointMismatch(f"{name}: {problem}")


def argument_problem(model: ModelConfig, takes: Sequence[str], needed: Sequence[str]) -> str | None:
    """What is wrong with the config's inputs, given the names that forward() takes and needs; None if nothing."""
    given = [entry.name for entry in model.inputs]
    listed = ", ".join(takes)
    if model.call == "keyword":
        for name in given:
            if name not in takes:
                near = nearest(name, takes)
                hint = f"; did you mean {near!r}?" if near else ""
                return f"forward() has no argument {name!r}{hint} (it takes {listed})"
        left = [name for name in needed if name not in given]
        return f"forward() also needs {', '.join(left)}: add inputs of these names" if left else None
    count = 1 if model.call == "dict" else len(given)
    if not len(needed) <= count <= len(takes):
        wanted = str(len(takes)) if len(needed) == len(takes) else f"{len(needed)} to {len(takes)}"
        return f"found {count} inputs ({', '.join(given)}), but forward() takes {wanted} ({listed})"
    return None
