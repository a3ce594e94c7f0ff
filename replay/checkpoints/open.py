"""Open an examined checkpoint into a scorer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import torch

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.elsewhere.local_copy import naming_origins
from replay.checkpoints.examine import verify_unchanged
from replay.checkpoints.format import FORMATS, InputNames
from replay.checkpoints.held import held_files
from replay.checkpoints.modules.factory import own_sources, refresh_own_code
from replay.checkpoints.scorers.arranging import arranging
from replay.checkpoints.scorers.output import ScoreReader
from replay.checkpoints.scorers.scorer import ModelScorer
from replay.checkpoints.sharing.watch import FileWatch
from replay.config.sections.model.combined import encoded_name
from replay.config.sections.model.contract import ModelConfig
from replay.errors import CheckpointMismatch


def open_scorer(checkpoint: Checkpoint, model: ModelConfig, device: str = "cpu") -> ModelScorer:
    """Open a checkpoint, in evaluation mode; its weights are mapped, so that processes share them.

    Args:
        checkpoint: As examined. Its hash is compared again: what was examined is what is opened.
        model: The config's contract: how forward() is called, and what part of its answer is the score; a contract of
            the checkpoint's own comes first.
        device: ``cpu``, or ``cuda:0`` and so on.

    Raises:
        CorruptCheckpoint: A file changed since it was examined.
        UnsafeCheckpoint: It is a pickled module, and the user did not allow that.
        CheckpointMismatch: It does not load here, does not fit its factory, or forward() does not take the inputs.
    """
    with naming_origins(checkpoint), held_files(file.path for file in checkpoint.files):
        return _open_held(checkpoint, model, device)


def _open_held(checkpoint: Checkpoint, model: ModelConfig, device: str) -> ModelScorer:
    verify_unchanged(checkpoint)
    model = checkpoint.contract(model)
    watch = FileWatch(checkpoint.name, (file.path for file in checkpoint.files))
    refresh_own_code(checkpoint)
    format_ = FORMATS[checkpoint.format]
    _refuse_text(checkpoint, model)
    opened = format_.open(checkpoint, model, device)
    fingerprint = scorer_fingerprint(checkpoint, model)
    # Of what is imported by a computed name, only now is it known whether this process had it in another version.
    if refresh_own_code(checkpoint):
        opened = format_.open(checkpoint, model, device)
        fingerprint = scorer_fingerprint(checkpoint, model)
    opened = replace(opened, notes=(*opened.notes, *_text_notes(checkpoint, model)))
    return ModelScorer(
        checkpoint.name,
        replace(opened, arrange=arranging(model), tables=_tables(checkpoint)),
        ScoreReader(model.output, checkpoint.name),
        fingerprint,
        opened.precision or compute_precision(checkpoint),
        watch,
        {entry.name: encoded_name(checkpoint.config.owner, entry.name) for entry in model.inputs},
    )


def _refuse_text(checkpoint: Checkpoint, model: ModelConfig) -> None:
    text = [entry.name for entry in model.inputs if entry.dtype == "string"]
    if text and not FORMATS[checkpoint.format].takes_text:
        raise CheckpointMismatch(
            f"checkpoint {checkpoint.name!r}: input `{text[0]}` is text, and a model of {checkpoint.format} takes "
            "numbers: give the input a `vocabulary` or a `hash`, and `dtype: int64`"
        )


def _text_notes(checkpoint: Checkpoint, model: ModelConfig) -> tuple[str, ...]:
    """How text reaches a module that says no types of its arguments."""
    text = [f"`{entry.name}`" for entry in model.inputs if entry.dtype == "string"]
    if not text or FORMATS[checkpoint.format].input_names is InputNames.GRAPH:
        return ()
    return (
        f"{', '.join(text)} {'are lists' if len(text) > 1 else 'is a list'} of strings to forward(): where it takes "
        "numbers, give a `vocabulary` or a `hash`, and `dtype: int64`",
    )


def _tables(checkpoint: Checkpoint) -> dict[str, int]:
    """Rows of each matrix."""
    return {tensor.name: tensor.shape[0] for tensor in checkpoint.tensors if len(tensor.shape) == 2}


def scorer_fingerprint(checkpoint: Checkpoint, model: ModelConfig) -> str:
    """SHA-256 of what decides a scorer's scores: the files, the user's code, how it is called and read.

    What code imports by a computed name counts once this process has seen it do so.
    """
    owner, model = checkpoint.config.owner, checkpoint.contract(model)
    decides = {
        "sha256": checkpoint.sha256,
        "config": checkpoint.config.model_dump(mode="json", include={"factory", "kwargs", "weights", "prefix"}),
        "base_dir": None if FORMATS[checkpoint.format].own_code(checkpoint) is None else checkpoint.base_dir,
        "sources": own_sources(checkpoint),
        "call": model.call,
        "inputs": [
            (
                *(entry.name, entry.ragged, entry.offsets_of, entry.lengths_of, entry.include_last_offset),
                *(entry.shape, entry.dtype == "string"),
            )
            for entry in model.inputs
        ],
        "output": model.output.model_dump(mode="json"),
    }
    if owner is not None:
        decides["owner"] = owner
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def compute_precision(checkpoint: Checkpoint) -> torch.dtype:
    """The coarsest floating type among the parameters; float32 where there is none."""
    types = [getattr(torch, name, None) for name in checkpoint.parameters_by_dtype]
    floating = [each for each in types if isinstance(each, torch.dtype) and each.is_floating_point]
    return max(floating, key=lambda each: torch.finfo(each).eps, default=torch.float32)
