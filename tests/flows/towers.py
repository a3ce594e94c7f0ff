"""A two-tower model over real impressions, and its factory: what a team keeps beside its config."""

from __future__ import annotations

import torch
from torch import nn

USER_BUCKETS, ITEMS, ITEM_BUCKETS, DIM = 64, 80, 128, 8


class Tower(nn.Module):
    """Embeds hashed categories and ids, and projects their sum with the floats."""

    def __init__(self, buckets: int, floats: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(buckets, DIM)
        self.project = nn.Linear(DIM + floats, DIM)

    def forward(self, ids: torch.Tensor, floats: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.project(torch.cat([self.embedding(ids).mean(1), floats], dim=1)))


class TwoTower(nn.Module):
    """Logit of a click, (batch,): the towers' product, and a head over the affinities."""

    def __init__(self) -> None:
        super().__init__()
        self.user_tower = Tower(USER_BUCKETS, 1)
        self.item_tower = Tower(ITEMS + ITEM_BUCKETS, 1)
        self.affinity = nn.Linear(1, 1)
        self.bias = nn.Parameter(torch.tensor(-5.0))

    def forward(
        self,
        user: torch.Tensor,
        item: torch.Tensor,
        item_float: torch.Tensor,
        position: torch.Tensor,
        affinity: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        mean = (affinity * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
        towers = (self.user_tower(user, position) * self.item_tower(item, item_float)).sum(1)
        return towers + self.affinity(mean).squeeze(1) + self.bias


def build() -> TwoTower:
    """The factory that a config names."""
    return TwoTower()
