"""The demo's ranking model: two towers that meet in a product, and a small head on top."""

from __future__ import annotations

import torch
from torch import nn

from replay.demo.world import COUNTRIES, NUM_CATEGORIES, NUM_ITEMS

USER_FEATURES = ("user_clicks_1d", "user_clicks_7d", "user_impressions_7d", "user_tenure_days")
ITEM_FEATURES = (
    "item_clicks_1d",
    "item_clicks_7d",
    "item_impressions_7d",
    "item_ctr_7d",
    "item_age_hours",
    "price",
)
DENSE_FEATURES = (*USER_FEATURES, *ITEM_FEATURES, "match_score")
ID_FEATURES = ("item_idx", "category_id")
COUNT_FEATURES = tuple(name for name in DENSE_FEATURES if name.endswith(("_1d", "_7d")))

# Rates and scores live in [0, 1]: brought to the size of counts, so that log1p tells them apart.
_UNITS = {"item_ctr_7d": 100.0, "match_score": 10.0}


class TwoTower(nn.Module):
    """Logit of a click.

    Args:
        dim: Width of the embeddings and of both towers' answers.
    """

    units: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, dim: int = 16) -> None:
        super().__init__()
        self.item = nn.Embedding(NUM_ITEMS + 1, dim, padding_idx=0)
        self.category = nn.Embedding(NUM_CATEGORIES + 1, dim, padding_idx=0)
        self.country = nn.Embedding(len(COUNTRIES) + 1, dim)
        for table in (self.item, self.category, self.country):
            nn.init.normal_(table.weight, std=0.05)
        self.user_tower = _tower(2 * dim + len(USER_FEATURES), dim)
        self.item_tower = _tower(dim + len(ITEM_FEATURES), dim)
        self.head = nn.Sequential(nn.Linear(3 * dim + 1, 32), nn.ReLU())
        self.answer = nn.Linear(32, 1)
        self.register_buffer("units", torch.tensor([_UNITS.get(name, 1.0) for name in DENSE_FEATURES]))
        self.register_buffer("mean", torch.zeros(len(DENSE_FEATURES)))
        self.register_buffer("std", torch.ones(len(DENSE_FEATURES)))

    def squash(self, dense: torch.Tensor) -> torch.Tensor:
        """Bring heavy-tailed counts to the size of their logarithm: (batch, n) to (batch, n)."""
        return torch.log1p(dense.clamp(min=0) * self.units)

    def forward(
        self,
        dense: torch.Tensor,  # (batch, 11), float32
        ids: torch.Tensor,  # (batch, 2), int64: item, category
        country: torch.Tensor,  # (batch,), int64
        history: torch.Tensor,  # (batch, length), int64: items clicked before, 0 where padded
        history_mask: torch.Tensor,  # (batch, length), float32
    ) -> torch.Tensor:
        """Return the logit of a click, (batch,)."""
        features = (self.squash(dense) - self.mean) / self.std
        users = features[:, : len(USER_FEATURES)]
        items = features[:, len(USER_FEATURES) : -1]
        clicked = (self.item(history) * history_mask.unsqueeze(-1)).sum(1)
        clicked = clicked / history_mask.sum(1, keepdim=True).clamp(min=1)
        user = self.user_tower(torch.cat([clicked, self.country(country), users], 1))
        item = self.item_tower(torch.cat([self.item(ids[:, 0]) + self.category(ids[:, 1]), items], 1))
        logits: torch.Tensor = self.answer(self.head(torch.cat([user, item, user * item, features[:, -1:]], 1)))
        return logits.squeeze(1)


def _tower(width: int, dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, dim))
