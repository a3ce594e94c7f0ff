"""The suite's model, two towers over squashed floats and embedded ids, and its factory.

It has what may be left in training mode: batch norm in front of the towers, dropout behind them.
"""

from __future__ import annotations

import torch
from torch import nn

WIDTH, DIM, DROPPED = 24, 6, 0.1


class Tower(nn.Module):
    """An MLP over floats and embedded ids: (batch, WIDTH // 2)."""

    def __init__(self, floats: int, ids: int, id_rows: int) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(id_rows, DIM) for _ in range(ids))
        self.mlp = nn.Sequential(nn.Linear(floats + ids * DIM, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH // 2))
        self.norm = nn.BatchNorm1d(floats, affine=False, eps=2.5e-3)
        for table in self.embeddings:
            nn.init.normal_(table.weight, std=0.3)

    def forward(self, floats: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        embedded = [table(ids[:, place]) for place, table in enumerate(self.embeddings)]
        known: torch.Tensor = self.mlp(torch.cat([self.norm(squash(floats)), *embedded], dim=1))
        return known


class TwoTower(nn.Module):
    """Logit of a click, (batch,)."""

    def __init__(self, query: int, query_ids: int, vector: int, item: int, item_ids: int, id_rows: int) -> None:
        super().__init__()
        self.query_tower = Tower(query, query_ids, id_rows)
        self.item_tower = Tower(item, item_ids, id_rows)
        self.vector = nn.Linear(vector, WIDTH // 2, bias=False)
        self.dropout = nn.Dropout(DROPPED)
        self.head = nn.Sequential(nn.Linear(3 * (WIDTH // 2), 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(
        self,
        query: torch.Tensor,
        query_ids: torch.Tensor,
        vector: torch.Tensor,
        item: torch.Tensor,
        item_ids: torch.Tensor,
    ) -> torch.Tensor:
        asks = self.query_tower(query, query_ids) + self.vector(vector)
        offers = self.item_tower(item, item_ids)
        logits: torch.Tensor = self.head(self.dropout(torch.cat([asks, offers, asks * offers], dim=1)))
        return logits.squeeze(1)


def squash(floats: torch.Tensor) -> torch.Tensor:
    """Heavy tails to the size of their logarithm, of either sign."""
    return torch.sign(floats) * torch.log1p(floats.abs())


def build(**sizes: int) -> TwoTower:
    """The factory that a config names."""
    return TwoTower(**sizes)
