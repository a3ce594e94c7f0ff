"""TorchScript archives: scripted or traced modules, frozen or not."""

from __future__ import annotations

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.contents import Contents
from replay.checkpoints.format import FORMATS, CheckpointFormat, InputNames, Source
from replay.checkpoints.formats.torchscript.archive import read_script
from replay.checkpoints.formats.torchscript.open import open_torchscript
from replay.checkpoints.safety.archives import Archive
from replay.checkpoints.scorers.scorer import OpenedModel
from replay.config.sections.checkpoints import CheckpointConfig
from replay.config.sections.model.contract import ModelConfig


class TorchScript(CheckpointFormat):
    """Source in TorchScript, with its weights."""

    name = "torchscript"
    words = "TorchScript"
    input_names = InputNames.OPTIONAL
    takes_text = True
    holds_pickles = True

    def recognize_archive(self, archive: Archive) -> str | None:
        """One of torch.jit.save."""
        return "TorchScript archive" if "data.pkl" in archive and "constants.pkl" in archive else None

    def read(self, source: Source, config: CheckpointConfig, *, allow_pickle: bool) -> Contents:
        """Read weights and source."""
        return read_script(source.archive, config.operators)

    def open(self, checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
        """Have torch compile it."""
        return open_torchscript(checkpoint, model, device)


FORMATS.register(TorchScript.name, TorchScript(), rank=20)
