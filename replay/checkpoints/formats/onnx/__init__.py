"""ONNX models, by the ``onnx`` package and onnxruntime (optional: ``pip install replay-engine[onnx]``)."""

from __future__ import annotations

from pathlib import Path

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.contents import Contents
from replay.checkpoints.format import FORMATS, CheckpointFormat, InputNames, Source
from replay.checkpoints.formats.onnx.model import external_files, external_names, is_onnx, read_onnx
from replay.checkpoints.formats.onnx.session import open_onnx
from replay.checkpoints.safety.storages import MappedFile
from replay.checkpoints.scorers.scorer import OpenedModel
from replay.config.sections.checkpoints import CheckpointConfig
from replay.config.sections.model.contract import ModelConfig


class Onnx(CheckpointFormat):
    """A graph, its weights in the file or beside it."""

    name = "onnx"
    words = "ONNX"
    input_names = InputNames.GRAPH
    takes_text = True
    fixed_weights = "is ONNX, whose weights are part of the graph, folded and renamed by the exporter"
    packages = ("onnxruntime",)

    def recognize_file(self, file: MappedFile) -> str | None:
        """A whole ``ModelProto``."""
        return "ONNX model" if is_onnx(file) else None

    def files(self, path: Path) -> tuple[Path, ...]:
        """The model, and the files beside it that hold its weights."""
        return (path, *external_files(path))

    def named_beside(self, path: Path) -> tuple[str, ...]:
        """The files that hold its weights."""
        return external_names(path)

    def read(self, source: Source, config: CheckpointConfig, *, allow_pickle: bool) -> Contents:
        """Read weights and signature."""
        return read_onnx(source.path, config.operators)

    def open(self, checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
        """Make a session of it."""
        return open_onnx(checkpoint, model, device)


FORMATS.register(Onnx.name, Onnx(), rank=60)
