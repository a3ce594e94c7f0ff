"""Lists end to end, as ``nn.EmbeddingBag(input, offsets)`` takes them.

Until the model is called every tensor has a row per row, so that rows can be cut, joined, put aside and replaced: a
list is padded, and its offsets are its lengths. Here, at the call, the padding goes and lengths become offsets.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from replay.checkpoints.scorers.scorer import Arrange
from replay.config.sections.model.contract import ModelConfig


def flattening(model: ModelConfig) -> Arrange | None:
    """What makes flat lists and offsets of padded lists and lengths; None where the model takes no such thing.

    Args:
        model: The model's contract.

    >>> inputs = [{"name": "ids", "dtype": "int64", "feature": "clicked", "ragged": "flat"}]
    >>> inputs.append({"name": "offsets", "dtype": "int64", "offsets_of": "ids"})
    >>> flatten = flattening(ModelConfig.model_validate({"inputs": inputs}))
    >>> flatten({"ids": torch.tensor([[7, 8], [9, 0]]), "offsets": torch.tensor([2, 1])})
    {'ids': tensor([7, 8, 9]), 'offsets': tensor([0, 2])}
    """
    offsets = {entry.name: entry for entry in model.inputs if entry.offsets_of is not None}
    flat = {entry.name for entry in model.inputs if entry.ragged is not None}
    lengths_of = {
        source: entry.name for entry in model.inputs if (source := entry.offsets_of or entry.lengths_of) in flat
    }
    if not lengths_of:
        return None

    def flatten(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        arranged = dict(tensors)
        for name, lengths in lengths_of.items():
            places = torch.arange(tensors[name].shape[1], device=tensors[name].device)
            arranged[name] = tensors[name][places < tensors[lengths].unsqueeze(1)]
        for name, entry in offsets.items():
            ends = torch.nn.functional.pad(tensors[name].cumsum(0, dtype=tensors[name].dtype), (1, 0))
            arranged[name] = ends if entry.include_last_offset else ends[:-1]
        return arranged

    return flatten
