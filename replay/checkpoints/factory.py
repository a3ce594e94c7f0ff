"""``factory: module:function``: the user's own code that builds the module whose weights a file holds."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable

from torch import nn

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.scorer import last_words
from replay.config.user_code import CodePlace, UserCodeError, importable, load_code, locate_code
from replay.errors import CheckpointMismatch


def locate_factory(checkpoint: Checkpoint) -> CodePlace | None:
    """Find a factory's code without importing it; None where the checkpoint has no factory."""
    if checkpoint.config.factory is None:
        return None
    return locate_code(checkpoint.config.factory, checkpoint.base_dir)


class Factory:
    """A factory, found and ready to be called.

    Args:
        checkpoint: Its config names the factory and its arguments.

    Raises:
        CheckpointMismatch: There is no factory, no such module or file, or no such function in it.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        place = locate_factory(checkpoint)
        if place is None:
            raise CheckpointMismatch(
                f"checkpoint {checkpoint.name!r}: {checkpoint.path} holds weights only ({checkpoint.format}), and the "
                "config has no `factory`: give `factory: module:function` (or file.py:function) that builds the module"
            )
        self._place = place
        self._prefix = f"checkpoint {checkpoint.name!r}: factory {checkpoint.config.factory}"
        self._kwargs = checkpoint.config.kwargs
        self._function = self._load()

    def build(self) -> nn.Module:
        """Build a new module.

        Raises:
            CheckpointMismatch: It raised, or returned something else than a module.
        """
        try:
            module = self.call()
        except (Exception, SystemExit) as error:  # a factory may raise anything
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f" ({frame.filename}, line {frame.lineno})"
            raise CheckpointMismatch(
                f"{self._prefix} raised {last_words(error)}{where}: it was called with {self._kwargs or 'no arguments'}"
            ) from error
        if not isinstance(module, nn.Module):
            raise CheckpointMismatch(
                f"{self._prefix} returned {type(module).__name__}, expected a torch.nn.Module: return the built module"
            )
        return module

    def call(self) -> object:
        """Call it, with a copy of its arguments; its own errors pass through."""
        with importable(self._place.directories):
            return self._function(**copy.deepcopy(self._kwargs))

    def _load(self) -> Callable[..., object]:
        try:
            found = load_code(self._place)
        except UserCodeError as error:
            said = "" if error.raised is None else f": {last_words(error.raised)}"
            raise CheckpointMismatch(f"{self._prefix}: {error}{said}") from error
        if not callable(found):
            raise CheckpointMismatch(f"{self._prefix} is a value of type {type(found).__name__}, expected a function")
        function: Callable[..., object] = found
        return function
