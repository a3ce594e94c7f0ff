"""What tensors go through when a model is called: until then every one has a row per row, and as few dimensions."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from replay.checkpoints.scorers.flat_lists import flattening
from replay.checkpoints.scorers.scorer import Arrange
from replay.config.sections.model.contract import ModelConfig


def arranging(model: ModelConfig) -> Arrange | None:
    """What makes lists end to end, and tensors of the shapes that the contract says; None where nothing is to be done.

    Args:
        model: The model's contract.

    >>> inputs = [{"name": "grid", "features": ["a", "b", "c", "d"], "shape": [2, 2]}]
    >>> arrange = arranging(ModelConfig.model_validate({"inputs": inputs}))
    >>> arrange({"grid": torch.tensor([[1, 2, 3, 4]])})["grid"].tolist()
    [[[1, 2], [3, 4]]]
    """
    flatten = flattening(model)
    shapes = {entry.name: entry.shape for entry in model.inputs if entry.shape}
    if not shapes:
        return flatten

    def arrange(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        arranged = dict(tensors) if flatten is None else flatten(tensors)
        for name, shape in shapes.items():
            arranged[name] = arranged[name].reshape(len(arranged[name]), *shape)
        return arranged

    return arrange
