"""What a checkpoint format is: how it is recognized, looked at without running it, and opened.

Each stands in a file or folder of ``formats``, which registers it in ``FORMATS``. Nothing else names one: other code
asks for its properties.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.contents import Contents
from replay.checkpoints.safety.archives import LOCAL_MAGIC, Archive
from replay.checkpoints.safety.storages import MappedFile
from replay.checkpoints.scorers.scorer import OpenedModel
from replay.config.sections.checkpoints import CheckpointConfig
from replay.config.sections.model.contract import ModelConfig
from replay.config.user_code import CodePlace, locate_code
from replay.registry import Registry


class InputNames(enum.Enum):
    """What the inputs of a signature are, which decides how the config's inputs are compared with them."""

    ARGUMENTS = "arguments of forward(), all of them needed"
    OPTIONAL = "arguments of forward(), some of which may have defaults"
    FLATTENED = "the tensors of all arguments, one by one: those of a dict are named after it and the key"
    GRAPH = "inputs of a graph, which takes them by name however forward() was called"


class Source:
    """A checkpoint on disk, its bytes mapped when they are first asked for.

    Args:
        path: File, index or folder.

    Attributes:
        path: As given.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def file(self) -> MappedFile:
        """The file; only for a path that is one."""
        return MappedFile(self.path)

    @property
    def is_archive(self) -> bool:
        """Whether the file begins as a zip archive does."""
        return self.file.read(0, 4) == LOCAL_MAGIC

    @cached_property
    def archive(self) -> Archive:
        """The file as a zip archive, its layout checked."""
        return Archive(self.file)


class CheckpointFormat(abc.ABC):
    """One format.

    Attributes:
        name: Of the format, as summaries have it: ``safetensors``.
        words: What a user gives, for the message about a file that is of no format; empty to leave it out.
        input_names: What the inputs of its signatures are.
        needs_factory: It holds weights alone: the config's ``factory`` builds the module.
        runs_code: Opening it runs code of the file's own, so that the user has to allow it.
        holds_pickles: Whether a refused file is looked through for pickles, which ``replay inspect`` lists.
        takes_text: Whether its models may take text as it is.
        fixed_weights: Why its parameters cannot be replaced by others; empty where they can.
        packages: Those that decide scores beside torch; their versions are part of a run's identity.
    """

    name: ClassVar[str]
    words: ClassVar[str] = ""
    input_names: ClassVar[InputNames] = InputNames.ARGUMENTS
    needs_factory: ClassVar[bool] = False
    runs_code: ClassVar[bool] = False
    holds_pickles: ClassVar[bool] = False
    takes_text: ClassVar[bool] = False
    fixed_weights: ClassVar[str] = ""
    packages: ClassVar[tuple[str, ...]] = ()

    def recognize_path(self, path: Path) -> str | None:
        """Whether a folder, or a file that only lists others, is of this format: its layout in words, or None."""
        return None

    def recognize_archive(self, archive: Archive) -> str | None:
        """Whether a zip archive is of this format, by its entries: its layout in words, or None.

        Raises:
            UnsafeCheckpoint: It is of a related format that is never opened.
        """
        return None

    def recognize_file(self, file: MappedFile) -> str | None:
        """Whether a file that is no zip archive is of this format, by its bytes: its layout in words, or None."""
        return None

    def files(self, path: Path) -> tuple[Path, ...]:
        """Every file that a checkpoint consists of, the one that is opened first.

        Raises:
            CheckpointError: One is missing, or the folder is none of this format.
        """
        return (path,)

    def members(self, names: Sequence[str]) -> tuple[str, ...]:
        """Which files of a folder that lies elsewhere are looked at first; none: it is no checkpoint.

        Args:
            names: Of all that the folder holds.
        """
        return ()

    def named_beside(self, path: Path) -> tuple[str, ...]:
        """Names of other files that a file says it needs, as seen from its folder; they need not be there.

        Raises:
            CheckpointError: It cannot be read, or names what lies outside of its folder.
        """
        return ()

    @abc.abstractmethod
    def read(self, source: Source, config: CheckpointConfig, *, allow_pickle: bool) -> Contents:
        """Look at a checkpoint; nothing of it runs.

        Args:
            source: Recognized before, but perhaps not the same file any more.
            config: Has a factory, operators that the user allows, and where in the file the weights are.
            allow_pickle: Whether code of the file's own may run when it is opened later.

        Returns:
            What it holds; tensors share memory with the file.

        Raises:
            CheckpointError: It is refused, with the reason; see its subclasses.
        """

    @abc.abstractmethod
    def open(self, checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
        """Open a checkpoint whose files were just compared with their hashes.

        Args:
            checkpoint: As examined, or derived of one that was.
            model: How forward() is called.
            device: ``cpu``, or ``cuda:0`` and so on.

        Raises:
            UnsafeCheckpoint: It would run what is not allowed.
            CheckpointMismatch: It does not load here, or forward() does not take the config's inputs.
        """

    def own_code(self, checkpoint: Checkpoint) -> CodePlace | None:
        """The user's code that opening a checkpoint runs, found without importing it; by default the factory's."""
        factory = checkpoint.config.factory
        return None if factory is None else locate_code(factory, checkpoint.base_dir)


FORMATS: Registry[CheckpointFormat] = Registry("checkpoint format", "replay.checkpoints.formats")
"""By name, in the order in which they are asked whether they recognize a file: the one with the least rank first.

A file can be made to look like several formats, so the order is part of what is safe. The ranks of those that come with
Replay are from 10 to 90.
"""
