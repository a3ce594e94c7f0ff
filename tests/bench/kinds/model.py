"""The model over every kind, or some of them; what a checkpoint's factory builds. Imports nothing but torch."""

from __future__ import annotations

import itertools

import torch
from torch import nn

FLOATS = 16
DECIMALS = 8
VECTOR = 32
WORDS = (50, 500, 2_000, 10_000, 20_000, 40_000, 60_000, 60_000)
"""Indices of each string column; 0 stands for unknown and null."""
ITEMS = 200_000
"""Indices of what is in the lists."""
LISTS = 2
_DIM = 16
_HIDDEN = (128, 64)


class _AsGiven(nn.Module):
    """Numbers that go into the MLP as they are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width, self.inputs = width, 1

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values


class _Words(nn.Module):
    """A table for each string column."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(rows, _DIM) for rows in WORDS)
        self.width, self.inputs = len(WORDS) * _DIM, len(WORDS)

    def forward(self, *words: torch.Tensor) -> torch.Tensor:
        return torch.cat([table(each) for table, each in zip(self.tables, words, strict=True)], dim=1)


class _Pooled(nn.Module):
    """The mean of what is in each list; of lists and their masks, in turns."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(ITEMS, _DIM) for _ in range(LISTS))
        self.width, self.inputs = LISTS * _DIM, LISTS * 2

    def forward(self, *lists: torch.Tensor) -> torch.Tensor:
        pooled = []
        for table, items, mask in zip(self.tables, lists[::2], lists[1::2], strict=True):
            total = torch.einsum("bld,bl->bd", table(items), mask)
            pooled.append(total / mask.sum(dim=1, keepdim=True).clamp(min=1.0))
        return torch.cat(pooled, dim=1)


_PARTS = {
    "floats": lambda: _AsGiven(FLOATS),
    "decimals": lambda: _AsGiven(DECIMALS),
    "strings": _Words,
    "lists": _Pooled,
    "vectors": lambda: _AsGiven(VECTOR),
}


class KindsModel(nn.Module):
    """What the kinds give, side by side, into an MLP; logits of shape (batch,).

    Args:
        kinds: In the order of their inputs.
    """

    def __init__(self, kinds: list[str]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(_PARTS[kind]() for kind in kinds)
        sizes = (sum(part.width for part in self.parts), *_HIDDEN)
        layers: list[nn.Module] = []
        for left, right in itertools.pairwise(sizes):
            layers += [nn.Linear(left, right), nn.ReLU()]
        self.mlp = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        rest = iter(inputs)
        wide = [part(*itertools.islice(rest, part.inputs)) for part in self.parts]
        return self.mlp(torch.cat(wide, dim=1)).squeeze(1)


def build(kinds: list[str]) -> KindsModel:
    """The factory of a checkpoint's config."""
    return KindsModel(kinds)
