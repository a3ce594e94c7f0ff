"""Factories: the user's function that builds the module whose weights a file holds. Only the config names one."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from replay.checkpoints.checkpoint import Checkpoint
from replay.config.names import nearest
from replay.errors import CheckpointMismatch


def find_factory(checkpoint: Checkpoint) -> Callable[..., Any]:
    """Import a checkpoint's factory.

    Raises:
        CheckpointMismatch: None is named, or it cannot be imported.
    """
    spec = checkpoint.config.factory
    if spec is None:
        raise CheckpointMismatch(
            f"{checkpoint.name}: {checkpoint.path} holds weights alone: expected `factory: module:function` beside "
            "`path`, the function that builds the module"
        )
    place, _, path = spec.rpartition(":")
    try:
        module = _import(place, checkpoint.base_dir)
    except Exception as error:
        raise CheckpointMismatch(
            f"{checkpoint.name}: factory {spec!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    try:
        found = reduce(getattr, path.split("."), module)
    except AttributeError as error:
        near = nearest(path, [name for name in vars(module) if callable(getattr(module, name))])
        hint = f"; did you mean {near!r}?" if near else ""
        raise CheckpointMismatch(f"{checkpoint.name}: {place} has no {path!r}{hint}") from error
    if not callable(found):
        raise CheckpointMismatch(
            f"{checkpoint.name}: factory {spec!r} is a {type(found).__name__}, expected a function"
        )
    return found


def build_module(checkpoint: Checkpoint, factory: Callable[..., Any]) -> nn.Module:
    """Call a factory.

    Raises:
        CheckpointMismatch: It raised, or returned no module.
    """
    with _importing_from(checkpoint.base_dir):
        try:
            built = factory(**checkpoint.config.kwargs)
        except Exception as error:
            raise CheckpointMismatch(
                f"{checkpoint.name}: factory {checkpoint.config.factory!r} raised {type(error).__name__}: {error} "
                f"(kwargs: {checkpoint.config.kwargs})"
            ) from error
    if not isinstance(built, nn.Module):
        raise CheckpointMismatch(
            f"{checkpoint.name}: factory {checkpoint.config.factory!r} returned a {type(built).__name__}, expected a "
            "torch.nn.Module"
        )
    return built


def build_on_meta(checkpoint: Checkpoint, factory: Callable[..., Any]) -> nn.Module | None:
    """Call a factory without allocating weights; None where it does not work so, and must be called for real."""
    try:
        with torch.device("meta"):
            return build_module(checkpoint, factory)
    except CheckpointMismatch:
        return None


def _import(place: str, base_dir: str) -> ModuleType:
    with _importing_from(base_dir):
        if not place.endswith(".py"):
            return importlib.import_module(place)
        file = Path(base_dir, place).absolute() if base_dir else Path(place).absolute()
        # Named by path and content: two files of one name do not meet, and an edited one is read again.
        name = f"_replay_factory_{hashlib.sha256(str(file).encode() + file.read_bytes()).hexdigest()[:16]}"
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module


@contextlib.contextmanager
def _importing_from(base_dir: str) -> Iterator[None]:
    """Let modules beside the config be imported; those that are installed come first."""
    added = bool(base_dir) and base_dir not in sys.path
    if added:
        sys.path.append(base_dir)
    try:
        yield
    finally:
        if added:
            sys.path.remove(base_dir)
