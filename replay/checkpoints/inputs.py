"""What a checkpoint says of its inputs, held against the config before anything runs."""

from __future__ import annotations

from collections.abc import Sequence

from replay.checkpoints.calling import argument_problem
from replay.checkpoints.checkpoint import Checkpoint, Format, TensorSpec
from replay.config.model import ModelConfig
from replay.errors import EXIT_REFUSED, Problem


def check_inputs(checkpoint: Checkpoint, model: ModelConfig) -> list[Problem]:
    """List in what the config's inputs do not fit the signature that a checkpoint carries.

    Weights alone carry none: what their factory builds is checked when it is built.
    """
    if checkpoint.signature is None or model.call == "dict" or not checkpoint.signature.inputs:
        return []
    specs = checkpoint.signature.inputs
    names = [spec.name for spec in specs]
    if any("." in name for name in names) or not all(names):
        return []  # nested arguments: forward() itself says what it misses
    path = f"checkpoints.{checkpoint.name}"
    needed = names if checkpoint.format is not Format.TORCHSCRIPT else []
    problem = argument_problem(model, names, needed)
    if problem is not None:
        return [Problem(problem, path=path, exit_code=EXIT_REFUSED)]
    by_name = dict(zip(names, specs, strict=True))
    pairs: Sequence[tuple[str, str, TensorSpec]] = [
        (entry.name, entry.dtype, by_name[entry.name] if model.call == "keyword" else specs[place])
        for place, entry in enumerate(model.inputs)
    ]
    return [
        Problem(
            f"input {name!r} is {dtype} here, but checkpoint {checkpoint.name} takes {spec.dtype}: set its dtype",
            path=f"model.inputs[{place}].dtype",
            exit_code=EXIT_REFUSED,
        )
        for place, (name, dtype, spec) in enumerate(pairs)
        if spec.dtype is not None and spec.dtype != dtype
    ]
