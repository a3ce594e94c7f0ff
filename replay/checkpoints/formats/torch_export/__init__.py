"""Archives of ``torch.export`` (.pt2)."""

from __future__ import annotations

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.contents import Contents
from replay.checkpoints.format import FORMATS, CheckpointFormat, InputNames, Source
from replay.checkpoints.formats.torch_export.archive import OLD_PROGRAM, read_export
from replay.checkpoints.formats.torch_export.open import open_exported
from replay.checkpoints.safety.archives import Archive
from replay.checkpoints.scorers.scorer import OpenedModel
from replay.config.sections.checkpoints import CheckpointConfig
from replay.config.sections.model.contract import ModelConfig


class TorchExport(CheckpointFormat):
    """A program with its weights."""

    name = "torch.export"
    words = "torch.export (.pt2)"
    input_names = InputNames.FLATTENED
    holds_pickles = True

    def recognize_archive(self, archive: Archive) -> str | None:
        """Today's layout, or the one before torch 2.8."""
        return "torch.export archive" if "archive_format" in archive or OLD_PROGRAM in archive else None

    def read(self, source: Source, config: CheckpointConfig, *, allow_pickle: bool) -> Contents:
        """Read the program, and the weights that it names."""
        return read_export(source.archive, config.operators)

    def open(self, checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
        """Have torch make a module of the program."""
        return open_exported(checkpoint, model, device)


FORMATS.register(TorchExport.name, TorchExport(), rank=10)
