"""Models that write to their inputs; also the module of their factory."""

from __future__ import annotations

import torch
from torch import nn


class Writer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 1)
        self.out = nn.Linear(3, 1)


class Clipping(Writer):
    """Clips in place: a batch without large values stays as it is."""

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        dense.clamp_(max=1.0)
        return (self.out(dense) + self.table(ids).sum(1)).squeeze(-1)


class Halving(Writer):
    """Writes to all of its inputs, always."""

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        dense.mul_(0.5)
        ids.clamp_(max=3)
        return (self.out(dense) + self.table(ids).sum(1)).squeeze(-1)


class Branching(Writer):
    """Writes where a batch has a large value, in a branch that no tracing sees."""

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        if float(dense.max()) > 1.0:
            dense.data.mul_(0)
        return (self.out(dense) + self.table(ids).sum(1)).squeeze(-1)


def build(kind: str) -> nn.Module:
    """The factory of those whose file holds weights only."""
    made: nn.Module = globals()[kind]()
    return made
