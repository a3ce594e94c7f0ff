"""The models that are measured; what a checkpoint's factory builds. Imports nothing but torch."""

from __future__ import annotations

import itertools

import torch
from torch import nn

DIM = 16
"""Width of every embedding."""


class _AsGiven(nn.Module):
    """Numbers that go into the MLP as they are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width, self.inputs = width, 1

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values


class _Embedded(nn.Module):
    """A table for each column, of indices in one input or in an input each."""

    def __init__(self, rows: list[int], stacked: bool) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(each, DIM) for each in rows)
        self.width, self.inputs = len(rows) * DIM, 1 if stacked else len(rows)

    def forward(self, *indices: torch.Tensor) -> torch.Tensor:
        columns = indices[0].unbind(dim=1) if self.inputs == 1 else indices
        return torch.cat([table(each) for table, each in zip(self.tables, columns, strict=True)], dim=1)


class _Pooled(nn.Module):
    """The mean of what is in each list; of lists and their masks, in turns."""

    def __init__(self, rows: list[int]) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(each, DIM) for each in rows)
        self.width, self.inputs = len(rows) * DIM, 2 * len(rows)

    def forward(self, *lists: torch.Tensor) -> torch.Tensor:
        pooled = []
        for table, items, mask in zip(self.tables, lists[::2], lists[1::2], strict=True):
            total = torch.einsum("bld,bl->bd", table(items), mask)
            pooled.append(total / mask.sum(dim=1, keepdim=True).clamp(min=1.0))
        return torch.cat(pooled, dim=1)


_PARTS = {"as_given": _AsGiven, "embedded": _Embedded, "pooled": _Pooled}


class BenchModel(nn.Module):
    """What the kinds of features give, side by side, into an MLP; logits of shape (batch,).

    Args:
        parts: One for each kind, in the order of the inputs: ``{"part": NAME, ...}`` with the part's arguments.
        hidden: Widths of the MLP.
    """

    def __init__(self, parts: list[dict[str, object]], hidden: list[int]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(_make(**part) for part in parts)
        sizes = (sum(part.width for part in self.parts), *hidden)
        layers: list[nn.Module] = []
        for left, right in itertools.pairwise(sizes):
            layers += [nn.Linear(left, right), nn.ReLU()]
        self.mlp = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        rest = iter(inputs)
        wide = [part(*itertools.islice(rest, part.inputs)) for part in self.parts]
        return self.mlp(torch.cat(wide, dim=1)).squeeze(1)


def _make(part: str, **arguments: object) -> nn.Module:
    return _PARTS[part](**arguments)


def build(parts: list[dict[str, object]], hidden: list[int]) -> BenchModel:
    """The factory of a checkpoint's config."""
    return BenchModel(parts, hidden)
