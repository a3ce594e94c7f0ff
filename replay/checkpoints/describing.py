"""An examined or derived checkpoint as ``replay inspect`` shows a file."""

from __future__ import annotations

from replay.checkpoints.checkpoint import Checkpoint, Format
from replay.checkpoints.inspection import Inspection


def describe_checkpoint(checkpoint: Checkpoint) -> Inspection:
    """Say of a checkpoint what an inspection says of a file: from what is known, reading nothing.

    Args:
        checkpoint: Of a derived or spliced one, ``executes`` begins with its recipe in words, and ``files`` are those
            of all its sources.
    """
    recipe = () if checkpoint.recipe is None else (f"weights made of {checkpoint.recipe}",)
    return Inspection(
        path=checkpoint.path,
        verdict="runs code" if checkpoint.format is Format.PICKLED_MODULE else "safe",
        format=str(checkpoint.format),
        sha256=checkpoint.sha256,
        size=sum(file.size for file in checkpoint.files),
        files=checkpoint.files,
        parameters=checkpoint.parameters,
        parameters_by_dtype=tuple(checkpoint.parameters_by_dtype.items()),
        tensors=checkpoint.tensors,
        non_finite=checkpoint.non_finite,
        set_aside=checkpoint.set_aside,
        executes=(*recipe, *checkpoint.executes),
        signature=checkpoint.signature,
    )
