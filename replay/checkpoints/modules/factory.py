"""``factory: module:function``: the user's own code that builds the module whose weights a file holds."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from torch import nn

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.format import FORMATS
from replay.checkpoints.scorers.scorer import last_words
from replay.config.user_code import (
    CodePlace,
    UserCodeError,
    calling_code,
    code_sources,
    load_code,
    note_used,
    python_imports,
    refresh_code,
)
from replay.errors import CheckpointMismatch
from replay.errors.no_return import running
from replay.errors.secrets import revealed


def own_sources(checkpoint: Checkpoint) -> dict[str, str]:
    """What the user's code that opening a checkpoint runs consists of, as it is on disk now.

    Raises:
        CheckpointMismatch: It cannot be read.
    """
    try:
        return code_sources(FORMATS[checkpoint.format].own_code(checkpoint))
    except UserCodeError as error:
        raise CheckpointMismatch(_told(checkpoint, error)) from error


def refresh_own_code(checkpoint: Checkpoint) -> bool:
    """Forget what this process imported of that code and is no longer what is on disk.

    Returns:
        Whether there was anything: what was opened with it is to be opened anew.

    Raises:
        CheckpointMismatch: This process cannot get rid of it.
    """
    place = FORMATS[checkpoint.format].own_code(checkpoint)
    try:
        return place is not None and refresh_code(place)
    except UserCodeError as error:
        raise CheckpointMismatch(_told(checkpoint, error)) from error


def note_classes(place: CodePlace, module: nn.Module) -> None:
    """Count the modules that define a model's classes among what it consists of, wherever it got these from."""
    classes = {kind for each in module.modules() for kind in type(each).__mro__}
    note_used(place, {kind.__module__ for kind in classes if kind.__module__ in sys.modules})


def _told(checkpoint: Checkpoint, error: UserCodeError) -> str:
    said = "" if error.raised is None else f": {last_words(error.raised)}"
    what = f"factory {checkpoint.config.factory}" if checkpoint.config.factory else "what its pickle imports"
    return f"checkpoint {checkpoint.name!r}: {what}: {error}{said}"


class Factory:
    """A factory, found and ready to be called.

    Args:
        checkpoint: Its config names the factory and its arguments.

    Raises:
        CheckpointMismatch: There is no factory, no such module or file, or no such function in it.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        place = FORMATS[checkpoint.format].own_code(checkpoint)
        if place is None:
            raise CheckpointMismatch(
                f"checkpoint {checkpoint.name!r}: {checkpoint.path} holds weights only ({checkpoint.format}), and the "
                "config has no `factory`: give `factory: module:function` (or file.py:function) that builds the module"
            )
        self._place = place
        self._checkpoint = checkpoint
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
            frames = traceback.extract_tb(error.__traceback__)
            frame = next(each for each in reversed(frames) if each.filename != python_imports.__file__)
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
        with calling_code(self._place), running(self._prefix):
            built = self._function(**revealed(self._kwargs))
        if isinstance(built, nn.Module):
            note_classes(self._place, built)
        return built

    def _load(self) -> Callable[..., object]:
        try:
            with running(self._prefix):
                found = load_code(self._place)
        except UserCodeError as error:
            raise CheckpointMismatch(_told(self._checkpoint, error)) from error
        if not callable(found):
            raise CheckpointMismatch(f"{self._prefix} is a value of type {type(found).__name__}, expected a function")
        function: Callable[..., object] = found
        return function
